/** Refusals as people read them: by the server's stable codes where we have words of our own, else in its words. */

import { Refusal } from "./api/client";
import { i18n } from "./i18n";

export function explain(problem: unknown): string {
  const { global } = i18n;
  const code = problem instanceof Refusal ? problem.code : "unreachable";
  const key = `problems.${code}`;
  if (global.te(key, "en")) {
    return global.t(key, {
      minutes: Math.max(1, Math.ceil((problem instanceof Refusal ? problem.retryAfterS : 0) / 60)),
    });
  }
  const said = problem instanceof Refusal ? problem.message : "";
  return said === "" ? global.t("problems.unknown") : said;
}
