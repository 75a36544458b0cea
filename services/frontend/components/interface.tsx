"use client";

import { useRouter } from "next/navigation";
import { createContext, type ReactNode, useContext, useMemo, useSyncExternalStore } from "react";
import { session, type User } from "@common/api";
import type { Language } from "@common/language";
import { type Dictionary, dictionaries } from "@/dictionaries";
import type { Theme } from "@/lib/server/preferences";

type Value = { language: Language; theme: Theme; words: Dictionary; choose: (name: "language" | "theme", value: string) => void };

const Context = createContext<Value | null>(null);

/** Language and appearance, for all below. The server knows both, so that the first page is right already. */
export function Interface({ language, theme, children }: { language: Language; theme: Theme; children: ReactNode }) {
  const router = useRouter();
  const value = useMemo(
    () => ({
      language,
      theme,
      words: dictionaries[language],
      choose(name: string, chosen: string) {
        document.cookie = `${name}=${chosen}; path=/; max-age=31536000; samesite=lax`;
        router.refresh();
      },
    }),
    [language, theme, router],
  );
  return <Context value={value}>{children}</Context>;
}

export function useInterface(): Value {
  const value = useContext(Context);
  if (!value) throw new Error("outside of Interface");
  return value;
}

export function useWords(): Dictionary {
  return useInterface().words;
}

/** The signed-in user, null for none, undefined while that is not known (on the server). */
export function useUser(): User | null | undefined {
  const token = useSyncExternalStore(session.watch, () => session.read()?.token ?? null, () => undefined);
  return useMemo(() => (token === undefined ? undefined : (session.read()?.user ?? null)), [token]);
}
