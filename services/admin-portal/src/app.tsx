import { Activity, Database, ListChecks, LogOut, ShieldAlert, Users } from "lucide-react";
import { useSyncExternalStore } from "react";
import { session } from "@common/api";
import { useInterface, useUser } from "./interface";
import { Brand, Preferences } from "./parts";
import { SignIn } from "./sign-in";
import { HealthView } from "./views/health";
import { IndexView } from "./views/index";
import { JobsView } from "./views/jobs";
import { UsersView } from "./views/users";

const VIEWS = {
  health: { icon: Activity, view: HealthView },
  index: { icon: Database, view: IndexView },
  jobs: { icon: ListChecks, view: JobsView },
  users: { icon: Users, view: UsersView },
} as const;
type Name = keyof typeof VIEWS;
const NAMES = Object.keys(VIEWS) as Name[];

export function App() {
  const { words } = useInterface();
  const user = useUser();
  const current = useView();
  if (!user) return <SignIn />;
  if (user.role !== "operator")
    return (
      <main className="refused">
        <ShieldAlert size={32} aria-hidden />
        <p>{words.signIn.notOperator(user.username)}</p>
        <button type="button" className="button" onClick={() => session.end()}>
          {words.signOut}
        </button>
      </main>
    );
  const { view: Current } = VIEWS[current];
  return (
    <div className="portal">
      <header className="top">
        <Brand note={words.title} />
        <div className="row">
          <Preferences />
          <span className="who">{user.username}</span>
          <button type="button" className="button quiet icon" title={words.signOut} aria-label={words.signOut} onClick={() => session.end()}>
            <LogOut size={18} aria-hidden />
          </button>
        </div>
      </header>
      <nav className="tabs" aria-label={words.nav.label}>
        {NAMES.map((name) => {
          const Icon = VIEWS[name].icon;
          return (
            <a key={name} href={`#${name}`} aria-current={name === current ? "page" : undefined}>
              <Icon size={18} aria-hidden />
              {words.nav[name]}
            </a>
          );
        })}
      </nav>
      <main>
        <Current />
      </main>
    </div>
  );
}

/** The view that the address names after `#`. */
function useView(): Name {
  const hash = useSyncExternalStore(
    (changed) => {
      addEventListener("hashchange", changed);
      return () => removeEventListener("hashchange", changed);
    },
    () => location.hash.slice(1),
  );
  return NAMES.find((name) => name === hash) ?? "health";
}
