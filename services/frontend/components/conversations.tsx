"use client";

import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useState } from "react";
import { conversations, type Conversation } from "@/lib/api";

type Value = {
  items: Conversation[] | null;
  more: boolean;
  error: unknown;
  reload: () => void;
  loadMore: () => void;
  remove: (id: string) => Promise<void>;
};

const Context = createContext<Value | null>(null);

/** The user's conversations, the latest one first, for all below. */
export function Conversations({ children }: { children: ReactNode }) {
  const [items, setItems] = useState<Conversation[] | null>(null);
  const [next, setNext] = useState<string | null>(null);
  const [error, setError] = useState<unknown>(null);

  const load = useCallback(async (cursor?: string) => {
    try {
      const found = await conversations.list(cursor);
      setItems((before) => (cursor && before ? [...before, ...found.conversations] : found.conversations));
      setNext(found.next);
      setError(null);
    } catch (failure) {
      setError(failure);
    }
  }, []);
  useEffect(() => void load(), [load]);

  const value = useMemo(
    () => ({
      items,
      error,
      more: next !== null,
      reload: () => void load(),
      loadMore: () => void load(next ?? undefined),
      async remove(id: string) {
        await conversations.remove(id);
        setItems((before) => before && before.filter((one) => one.id !== id));
      },
    }),
    [items, next, error, load],
  );
  return <Context value={value}>{children}</Context>;
}

export function useConversations(): Value {
  const value = useContext(Context);
  if (!value) throw new Error("outside of Conversations");
  return value;
}
