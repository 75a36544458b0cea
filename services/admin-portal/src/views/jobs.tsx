import { useCallback, useState } from "react";
import { api, type Job, type JobStatus } from "../api";
import { useInterface, useTime } from "../interface";
import { ErrorNotice, usePages, View } from "../parts";

const KINDS = { queued: "", running: "busy", done: "good", failed: "bad" } as const;
const STATUSES: JobStatus[] = ["queued", "running", "done", "failed"];

export function JobsView() {
  const { words } = useInterface();
  const text = words.jobs;
  const time = useTime();
  const [status, setStatus] = useState<JobStatus | "">("");
  const load = useCallback(
    async (cursor?: string) => {
      const { jobs, next } = await api.jobs(status, cursor);
      return { items: jobs, next };
    },
    [status],
  );
  const { items, more, error, reload } = usePages<Job>(load);
  return (
    <View title={words.nav.jobs} lead={text.lead} refresh={reload}>
      <fieldset className="choices">
        <legend className="visually-hidden">{text.filter}</legend>
        {(["", ...STATUSES] as const).map((one) => (
          <label key={one}>
            <input type="radio" name="status" className="visually-hidden" checked={one === status} onChange={() => setStatus(one)} />
            <span>{one ? text.status[one] : text.all}</span>
          </label>
        ))}
      </fieldset>
      {error !== null && <ErrorNotice error={error} retry={reload} />}
      {items === null && error === null && <p className="muted">{words.loading}</p>}
      {items?.length === 0 && <p className="muted">{text.none}</p>}
      {items && items.length > 0 && (
        <div className="table">
          <table>
            <thead>
              <tr>
                <th scope="col">{text.document}</th>
                <th scope="col">{text.filter}</th>
                <th scope="col">{text.begun}</th>
                <th scope="col">{text.changed}</th>
              </tr>
            </thead>
            <tbody>
              {items.map((job) => (
                <tr key={job.id}>
                  <td data-label={text.document}>
                    <code title={job.document_id}>{job.document_id.slice(0, 8)}</code>
                    {job.error && <p className="small danger-text">{job.error}</p>}
                  </td>
                  <td data-label={text.filter}>
                    <span className={`badge ${KINDS[job.status]}`}>{text.status[job.status]}</span>
                  </td>
                  <td data-label={text.begun}>{time(job.created_at)}</td>
                  <td data-label={text.changed}>{time(job.updated_at)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {more && (
        <button type="button" className="button" onClick={more}>
          {words.more}
        </button>
      )}
    </View>
  );
}
