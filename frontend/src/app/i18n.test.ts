import { describe, expect, it } from "vitest";
import { i18n, LANGUAGES, languageFor, speak } from "./i18n";

interface Tree {
  [key: string]: string | Tree;
}

const files = import.meta.glob<Tree>("./locales/*.json", { eager: true, import: "default" });
const sources = import.meta.glob<string>(["./**/*.vue", "./**/*.ts", "!./**/*.test.ts"], {
  eager: true,
  query: "?raw",
  import: "default",
});

function flatten(tree: Tree, prefix = ""): Map<string, string> {
  const entries = Object.entries(tree).flatMap(([key, value]): [string, string][] =>
    typeof value === "string" ? [[prefix + key, value]] : [...flatten(value, `${prefix}${key}.`)],
  );
  return new Map(entries);
}

function wordsIn(language: string): Map<string, string> {
  return flatten(files[`./locales/${language}.json`] ?? {});
}

function placeholders(text: string): string[] {
  const forms = text.split(" | ").map((form) => [...new Set(form.match(/\{\w+\}/g))].sort().join(" "));
  // The first form may name the one that it is about.
  return [...new Set(forms.at(-1)?.split(" "))];
}

const english = wordsIn("en");

describe("the languages", () => {
  it("are those that there are files of", () => {
    expect(Object.keys(files).sort()).toEqual(
      LANGUAGES.map((language) => `./locales/${language}.json`).sort(),
    );
  });

  it.each(LANGUAGES.filter((language) => language !== "en"))(
    "%s says everything that English says",
    (language) => {
      const words = wordsIn(language);
      expect([...words.keys()].sort()).toEqual([...english.keys()].sort());
      for (const [key, text] of words) {
        expect(text.trim(), key).not.toBe("");
        expect(placeholders(text), key).toEqual(placeholders(english.get(key) ?? ""));
      }
    },
  );

  it("have a word for every key that is used", () => {
    const used = Object.values(sources).flatMap((source) =>
      [...source.matchAll(/\bt\(\s*["']([\w.-]+)["']/g)].map((match) => match[1] ?? ""),
    );
    expect(used.length).toBeGreaterThan(100);
    expect(used.filter((key) => !english.has(key))).toEqual([]);
  });

  it("have no word that nobody says", () => {
    const all = Object.values(sources).join("\n");
    const isSaid = (key: string): boolean =>
      all.includes(`"${key}"`) ||
      all.includes(`'${key}'`) ||
      all.includes(`\`${key.slice(0, key.lastIndexOf(".") + 1)}$`);
    expect([...english.keys()].filter((key) => !isSaid(key))).toEqual([]);
  });

  it("are chosen by the reader, else by their browser, else it is English", () => {
    expect(languageFor("ru", ["de-AT"])).toBe("ru");
    expect(languageFor("", ["ja", "de-AT", "fr"])).toBe("de");
    expect(languageFor("", ["ja"])).toBe("en");
  });

  it("count as their speakers do", async () => {
    await speak("ru");
    const counted = [1, 2, 5, 11, 21, 22, 112].map((n) => i18n.global.t("members", n));
    expect(counted).toEqual([
      "1 участник",
      "2 участника",
      "5 участников",
      "11 участников",
      "21 участник",
      "22 участника",
      "112 участников",
    ]);
    await speak("en");
    expect([1, 2].map((n) => i18n.global.t("members", n))).toEqual(["1 member", "2 members"]);
  });
});
