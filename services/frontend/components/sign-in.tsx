"use client";

import { type SubmitEvent, useState } from "react";
import { ApiError, session } from "@common/api";
import { inWords } from "@/lib/words";
import { Brand } from "./brand";
import { useWords } from "./interface";
import { ErrorNotice } from "./notice";
import { Preferences } from "./preferences";

export function SignIn() {
  const words = useWords();
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
      setError(failure);
      setBusy(false);
    }
  }

  const text = error instanceof ApiError && error.status === 401 ? signIn.wrong : error ? inWords(error, words) : session.lost ? signIn.ended : null;
  return (
    <div className="sign-in">
      <header>
        <Brand />
        <Preferences />
      </header>
      <main>
        <form className="stack" onSubmit={submit}>
          <div>
            <h1>{signIn.title}</h1>
            <p className="muted">{signIn.lead}</p>
          </div>
          {text && <ErrorNotice text={text} />}
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
