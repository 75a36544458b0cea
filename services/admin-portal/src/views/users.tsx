import { UserPlus } from "lucide-react";
import { type SubmitEvent, useCallback, useState } from "react";
import { type Role, session } from "@common/api";
import { type Account, api } from "../api";
import { useInterface, useTime } from "../interface";
import { ErrorNotice, Modal, usePages, View } from "../parts";

const ROLES: Role[] = ["user", "operator"];

export function UsersView() {
  const { words } = useInterface();
  const text = words.users;
  const time = useTime();
  const [creating, setCreating] = useState(false);
  const [failure, setFailure] = useState<unknown>(null);
  const [said, setSaid] = useState("");
  const load = useCallback(async (cursor?: string) => {
    const { users, next } = await api.users(cursor);
    return { items: users, next };
  }, []);
  const { items, setItems, more, error, reload } = usePages<Account>(load);
  const me = session.read()?.user.user_id;

  async function change(account: Account, what: { role?: Role; disabled?: boolean }) {
    try {
      const changed = await api.changeUser(account.id, what);
      setItems((before) => before.map((one) => (one.id === changed.id ? changed : one)));
      setFailure(null);
      setSaid(text.changed(account.username));
    } catch (caught) {
      setFailure(caught);
    }
  }

  return (
    <View
      title={words.nav.users}
      lead={text.lead}
      action={
        <button type="button" className="button primary" onClick={() => setCreating(true)}>
          <UserPlus size={17} aria-hidden />
          {text.create}
        </button>
      }
    >
      {(failure ?? error) !== null && <ErrorNotice error={failure ?? error} retry={reload} />}
      <p className="visually-hidden" role="status">
        {said}
      </p>
      {items === null && error === null && <p className="muted">{words.loading}</p>}
      {items && items.length > 0 && (
        <div className="table">
          <table>
            <thead>
              <tr>
                <th scope="col">{text.name}</th>
                <th scope="col">{text.role}</th>
                <th scope="col">{text.state}</th>
                <th scope="col">{text.created}</th>
                <td />
              </tr>
            </thead>
            <tbody>
              {items.map((account) => (
                <tr key={account.id}>
                  <th scope="row">
                    {account.username}
                    {account.id === me && <span className="muted small"> ({text.you})</span>}
                  </th>
                  <td data-label={text.role}>
                    <select
                      className="input"
                      aria-label={text.roleOf(account.username)}
                      value={account.role}
                      disabled={account.id === me}
                      onChange={(event) => void change(account, { role: event.target.value as Role })}
                    >
                      {ROLES.map((role) => (
                        <option key={role} value={role}>
                          {text.roles[role]}
                        </option>
                      ))}
                    </select>
                  </td>
                  <td data-label={text.state}>
                    <span className={account.disabled ? "badge" : "badge good"}>{account.disabled ? text.disabled : text.active}</span>
                  </td>
                  <td data-label={text.created}>{time(account.created_at)}</td>
                  <td>
                    {account.id !== me && (
                      <button
                        type="button"
                        className="button"
                        aria-label={account.disabled ? text.enableOne(account.username) : text.disableOne(account.username)}
                        onClick={() => void change(account, { disabled: !account.disabled })}
                      >
                        {account.disabled ? text.enable : text.disable}
                      </button>
                    )}
                  </td>
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
      {creating && (
        <NewUser
          close={() => setCreating(false)}
          made={(account) => {
            setItems((before) => [...before, account]);
            setSaid(text.made(account.username));
            setCreating(false);
          }}
        />
      )}
    </View>
  );
}

function NewUser({ close, made }: { close: () => void; made: (account: Account) => void }) {
  const { words } = useInterface();
  const text = words.users;
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  async function submit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    setBusy(true);
    try {
      made(await api.createUser({ username: String(form.get("name")), password: String(form.get("new-password")), role: form.get("role") as Role }));
    } catch (caught) {
      setError(caught);
      setBusy(false);
    }
  }
  return (
    <Modal label={text.create} close={close}>
      <h2>{text.create}</h2>
      <form onSubmit={submit}>
        {error !== null && <ErrorNotice error={error} />}
        <div className="field">
          <label htmlFor="name">{text.name}</label>
          <input id="name" name="name" className="input" autoComplete="off" autoCapitalize="none" spellCheck={false} required autoFocus />
        </div>
        <div className="field">
          <label htmlFor="new-password">{words.signIn.password}</label>
          <input id="new-password" name="new-password" type="password" className="input" autoComplete="new-password" aria-describedby="hint" required />
          <small id="hint">{text.passwordHint}</small>
        </div>
        <div className="field">
          <label htmlFor="role">{text.role}</label>
          <select id="role" name="role" className="input" defaultValue="user">
            {ROLES.map((role) => (
              <option key={role} value={role}>
                {text.roles[role]}
              </option>
            ))}
          </select>
        </div>
        <div className="row end">
          <button type="button" className="button" onClick={close}>
            {words.cancel}
          </button>
          <button type="submit" className="button primary" disabled={busy}>
            {text.submit}
          </button>
        </div>
      </form>
    </Modal>
  );
}
