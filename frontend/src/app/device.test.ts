import { expect, it } from "vitest";
import { deviceName } from "./device";

it("a device is called by its browser and system", () => {
  const mozilla = "Mozilla/5.0";
  expect(deviceName(`${mozilla} (X11; Linux x86_64) AppleWebKit/537.36 Chrome/142.0 Safari/537.36`)).toBe(
    "Chrome, Linux",
  );
  expect(deviceName(`${mozilla} (Linux; Android 15) Chrome/142.0 Mobile Safari/537.36`)).toBe(
    "Chrome, Android",
  );
  expect(deviceName(`${mozilla} (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Safari/604.1`)).toBe(
    "Safari, iOS",
  );
  expect(deviceName(`${mozilla} (Windows NT 10.0) Chrome/142.0 Safari/537.36 Edg/142.0`)).toBe(
    "Edge, Windows",
  );
  expect(deviceName("curl/8")).toBe("");
});
