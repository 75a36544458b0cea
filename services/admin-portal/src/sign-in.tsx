import { type SubmitEvent, useState } from "react";
import { ApiError, session } from "@common/api";
import { useInterface } from "./interface";
import { Brand, ErrorNotice, Preferences } from "./parts";

export function SignIn() {
  const { words } = useInterface();
  const { signIn } = words;
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);

  async function submit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    setBusy(true);
    setError(null);
    try {
      await session.start(String(form.get("username")), String(form.get("password")));
    } catch (failure) {
      setError(failure instanceof ApiError && failure.status === 401 ? signIn.wrong : failure);
      setBusy(false);
    }
  }

  return (
    <div className="sign-in">
      <header>
        <Brand />
        <div className="row">
          <Preferences />
        </div>
      </header>
      <main>
        <form className="stack" onSubmit={submit}>
          <div>
            <h1>{signIn.title}</h1>
            <p className="muted">{signIn.lead}</p>
          </div>
          {(error !== null || session.lost) && <ErrorNotice error={error ?? signIn.ended} />}
          <div className="field">
            <label htmlFor="username">{signIn.username}</label>
            <input id="username" name="username" className="input" autoComplete="username" autoCapitalize="none" spellCheck={false} required autoFocus />
          </div>
          <div className="field">
            <label htmlFor="password">{signIn.password}</label>
            <input id="password" name="password" type="password" className="input" autoComplete="current-password" required />
          </div>
          <button type="submit" className="button primary" disabled={busy}>
            {busy ? signIn.busy : signIn.submit}
          </button>
        </form>
      </main>
    </div>
  );
}
