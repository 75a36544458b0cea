import { TAGS } from "@common/language";
import { api, type JobStatus } from "../api";
import { useInterface } from "../interface";
import { ErrorNotice, useLoaded, View } from "../parts";

const EVERY = 15; // s
const STATUSES: JobStatus[] = ["queued", "running", "done", "failed"];

export function IndexView() {
  const { words, language } = useInterface();
  const text = words.index;
  const { value, error, reload } = useLoaded(api.stats, EVERY);
  const number = new Intl.NumberFormat(TAGS[language]);
  const memory = new Intl.NumberFormat(TAGS[language], { style: "unit", unit: "megabyte", maximumFractionDigits: 1 });
  const missing = value ? Math.max(0, value.chunks - value.index.total_vectors) : 0;
  return (
    <View title={words.nav.index} lead={text.lead} refresh={reload}>
      {error !== null && <ErrorNotice error={error} />}
      {value === null && error === null && <p className="muted">{words.loading}</p>}
      {value && (
        <>
          <dl className="figures">
            <Fact name={text.documents} value={number.format(value.documents)} />
            <Fact name={text.chunks} value={number.format(value.chunks)} />
            <Fact name={text.vectors} value={number.format(value.index.total_vectors)} />
            <Fact name={text.memory} value={memory.format(value.index.memory_usage_mb)} />
            <Fact name={text.conversations} value={number.format(value.conversations)} />
            <Fact name={text.users} value={number.format(value.users)} />
          </dl>
          <div className="pair">
            <div className="panel">
              <h2>{text.details}</h2>
              <dl className="facts">
                <Fact name={text.type} value={value.index.index_type} />
                <Fact name={text.dimension} value={number.format(value.index.dimension)} />
                <Fact name={text.trained} value={value.index.is_trained ? text.yes : text.no} />
                <Fact name={text.perPassage} value={number.format(missing)} />
              </dl>
            </div>
            <div className="panel">
              <h2>{text.jobs}</h2>
              <dl className="facts">
                {STATUSES.map((status) => (
                  <Fact key={status} name={words.jobs.status[status]} value={number.format(value.jobs[status] ?? 0)} />
                ))}
              </dl>
            </div>
          </div>
        </>
      )}
    </View>
  );
}

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}
