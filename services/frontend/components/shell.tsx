"use client";

import Link from "next/link";
import { usePathname, useRouter, useSearchParams } from "next/navigation";
import { FileText, LogOut, Menu, SquarePen, Trash2 } from "lucide-react";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { session, type User } from "@common/api";
import type { Conversation } from "@/lib/api";
import { inWords } from "@/lib/words";
import { Brand } from "./brand";
import { Confirm } from "./confirm";
import { Conversations, useConversations } from "./conversations";
import { useUser, useWords } from "./interface";
import { ErrorNotice } from "./notice";
import { Preferences } from "./preferences";
import { SignIn } from "./sign-in";

/** What stands around every page; the sign-in form in its place for those who are not signed in. */
export function Shell({ children }: { children: ReactNode }) {
  const words = useWords();
  const user = useUser();
  if (user === undefined) return null;
  if (user === null) return <SignIn />;
  return (
    <Conversations key={user.user_id}>
      <a className="skip" href="#content">
        {words.skip}
      </a>
      <div className="shell">
        <Sidebar user={user} />
        <div className="page">
          <header className="bar">
            <button type="button" className="button quiet icon" popoverTarget="sidebar" aria-label={words.menu}>
              <Menu size={20} aria-hidden />
            </button>
            <Brand />
          </header>
          <main id="content" tabIndex={-1}>
            {children}
          </main>
        </div>
      </div>
    </Conversations>
  );
}

function Sidebar({ user }: { user: User }) {
  const words = useWords();
  const { nav } = words;
  const path = usePathname();
  const router = useRouter();
  const current = useSearchParams().get("c");
  const { items, more, error, reload, loadMore, remove } = useConversations();
  const [doomed, setDoomed] = useState<Conversation | null>(null);
  const sidebar = useRef<HTMLElement>(null);
  useEffect(() => sidebar.current?.hidePopover(), [path, current]); // where it lies over the page, a choice closes it

  return (
    <>
    <aside className="sidebar" aria-label={words.menu} id="sidebar" ref={sidebar} popover="auto">
      <Brand />
      <nav aria-label={nav.label}>
        <Link className="item" href="/" aria-current={path === "/" && !current ? "page" : undefined} onClick={() => sidebar.current?.hidePopover()}>
          <SquarePen size={18} aria-hidden />
          {nav.newChat}
        </Link>
        <Link className="item" href="/documents" aria-current={path === "/documents" ? "page" : undefined}>
          <FileText size={18} aria-hidden />
          {nav.documents}
        </Link>
      </nav>
      <nav className="conversations" aria-labelledby="conversations">
        <h2 id="conversations">{nav.conversations}</h2>
        {error !== null && <ErrorNotice text={inWords(error, words)} retry={reload} />}
        {items?.length === 0 && <p className="muted small">{nav.none}</p>}
        <ul>
          {items?.map((one) => (
            <li key={one.id}>
              <Link className="item" href={`/?c=${one.id}`} aria-current={current === one.id ? "page" : undefined}>
                <span className="ellipsis">{one.title || nav.untitled}</span>
              </Link>
              <button
                type="button"
                className="button quiet icon"
                aria-label={nav.remove(one.title || nav.untitled)}
                onClick={() => {
                  sidebar.current?.hidePopover();
                  setDoomed(one);
                }}
              >
                <Trash2 size={16} aria-hidden />
              </button>
            </li>
          ))}
        </ul>
        {more && (
          <button type="button" className="item" onClick={loadMore}>
            {words.more}
          </button>
        )}
      </nav>
      <footer>
        <div className="row account">
          <span className="avatar" aria-hidden>
            {[...user.username][0]?.toUpperCase()}
          </span>
          <span className="ellipsis">{user.username}</span>
          <button type="button" className="button quiet icon" title={words.signOut} aria-label={words.signOut} onClick={() => session.end()}>
            <LogOut size={18} aria-hidden />
          </button>
        </div>
        <Preferences />
      </footer>
    </aside>
      {doomed && (
        <Confirm
          title={words.confirm.conversation(doomed.title || nav.untitled)}
          text={words.confirm.conversationText}
          close={() => setDoomed(null)}
          act={async () => {
            await remove(doomed.id);
            if (current === doomed.id) router.push("/");
          }}
        />
      )}
    </>
  );
}
