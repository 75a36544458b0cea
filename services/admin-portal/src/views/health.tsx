import { CircleCheck, TriangleAlert } from "lucide-react";
import { useMemo } from "react";
import { TAGS } from "@common/language";
import { api, type ServiceHealth } from "../api";
import { useInterface } from "../interface";
import { ErrorNotice, useLoaded, View } from "../parts";

const EVERY = 10; // s
const KINDS = { ok: "good", unready: "busy", unreachable: "bad" } as const;

export function HealthView() {
  const { words, language } = useInterface();
  const text = words.health;
  const { value, error, reload } = useLoaded(api.health, EVERY);
  const time = useMemo(() => value && new Date().toLocaleTimeString(TAGS[language]), [value, language]);
  const bad = Object.values(value?.services ?? {}).filter(({ status }) => status !== "ok").length;
  return (
    <View title={words.nav.health} lead={text.lead} refresh={reload}>
      {error !== null && <ErrorNotice error={error} />}
      {value === null && error === null && <p className="muted">{words.loading}</p>}
      {value && (
        <>
          <p className={bad ? "notice warning" : "notice fine"} role="status">
            {bad ? <TriangleAlert size={18} aria-hidden /> : <CircleCheck size={18} aria-hidden />}
            {bad ? text.degraded(bad) : text.ok}
          </p>
          <ul className="cards">
            {Object.entries(value.services).map(([name, service]) => (
              <li key={name}>
                <div className="row">
                  <h2>{name}</h2>
                  <span className={`badge ${KINDS[service.status]}`}>{text.status[service.status]}</span>
                </div>
                <p className="muted small">{answer(service, text)}</p>
              </li>
            ))}
          </ul>
          <p className="muted small">{text.looked(time ?? "")}</p>
        </>
      )}
    </View>
  );
}

function answer({ status, http_status, seconds }: ServiceHealth, text: ReturnType<typeof useInterface>["words"]["health"]): string {
  if (status === "unreachable") return text.silent;
  const answered = text.answered((seconds * 1000).toFixed(seconds < 0.01 ? 1 : 0));
  return status === "unready" && http_status ? `${text.code(http_status)}, ${answered}` : answered;
}
