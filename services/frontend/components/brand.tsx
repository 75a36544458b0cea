import { useWords } from "./interface";

export function Brand() {
  return (
    <span className="brand">
      <svg viewBox="0 0 32 32" width="28" height="28" aria-hidden>
        <rect width="32" height="32" rx="9" fill="currentColor" />
        <path d="M8 14v4M13.3 10v12M18.7 12.5v7M24 14.5v3" stroke="var(--on-accent)" strokeWidth="2.6" strokeLinecap="round" />
      </svg>
      {useWords().name}
    </span>
  );
}
