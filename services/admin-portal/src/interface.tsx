import { createContext, type ReactNode, useContext, useEffect, useMemo, useState, useSyncExternalStore } from "react";
import { session, type User } from "@common/api";
import { chooseLanguage, type Language, TAGS } from "@common/language";
import { type Dictionary, dictionaries } from "./dictionary";

export const THEMES = ["system", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

type Value = { language: Language; theme: Theme; words: Dictionary; setLanguage: (to: Language) => void; setTheme: (to: Theme) => void };

const Context = createContext<Value | null>(null);

/** Language and appearance, for all below: as the browser says, or as chosen before. */
export function Interface({ children }: { children: ReactNode }) {
  const [language, changeLanguage] = useState(() => chooseLanguage(localStorage.getItem("language"), navigator.languages));
  const [theme, changeTheme] = useState<Theme>(() => THEMES.find((one) => one === localStorage.getItem("theme")) ?? "system");
  useEffect(() => {
    document.documentElement.lang = TAGS[language];
    document.title = `VoiceHelper · ${dictionaries[language].title}`;
  }, [language]);
  useEffect(() => {
    document.documentElement.dataset.theme = theme;
  }, [theme]);
  const value = useMemo(
    () => ({
      language,
      theme,
      words: dictionaries[language],
      setLanguage(to: Language) {
        localStorage.setItem("language", to);
        changeLanguage(to);
      },
      setTheme(to: Theme) {
        localStorage.setItem("theme", to);
        changeTheme(to);
      },
    }),
    [language, theme],
  );
  return <Context value={value}>{children}</Context>;
}

export function useInterface(): Value {
  const value = useContext(Context);
  if (!value) throw new Error("outside of Interface");
  return value;
}

export function useUser(): User | null {
  const token = useSyncExternalStore(session.watch, () => session.read()?.token ?? null);
  return useMemo(() => (token ? (session.read()?.user ?? null) : null), [token]);
}

/** A time of the API (RFC 3339) as the reader writes it. */
export function useTime(): (time: string) => string {
  const { language } = useInterface();
  return useMemo(() => {
    const format = new Intl.DateTimeFormat(TAGS[language], { dateStyle: "medium", timeStyle: "short" });
    return (time) => format.format(new Date(time));
  }, [language]);
}
