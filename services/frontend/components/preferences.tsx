"use client";

import { Languages, Monitor, Moon, Sun } from "lucide-react";
import { useInterface } from "./interface";

const THEMES = ["system", "light", "dark"] as const;
const ICONS = { system: Monitor, light: Sun, dark: Moon };

/** The switches of language and appearance. */
export function Preferences() {
  const { language, theme, words, choose } = useInterface();
  const other = language === "en" ? "zh" : "en";
  const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? "system";
  const Icon = ICONS[theme];
  const label = `${words.theme.label}: ${words.theme[theme]}`;
  return (
    <div className="row preferences">
      <button type="button" className="button quiet" lang={other === "zh" ? "zh-CN" : "en"} onClick={() => choose("language", other)}>
        <Languages size={18} aria-hidden />
        {other === "zh" ? "中文" : "English"}
      </button>
      <button type="button" className="button quiet icon" title={label} aria-label={label} onClick={() => choose("theme", next)}>
        <Icon size={18} aria-hidden />
      </button>
    </div>
  );
}
