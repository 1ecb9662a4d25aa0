// Opens a page in Chromium, runs one scenario of it, and prints what came out as one line of JSON.
// Called: node drive.mjs CHROMIUM '{"url": …, "scenario": …, "seconds": …, "arguments": {…}}'
import { chromium } from "playwright-core";

const [executablePath, request] = process.argv.slice(2);
const { url, scenario, seconds, arguments: given } = JSON.parse(request);
const args = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required", "--mute-audio"];
const browser = await chromium.launch({ executablePath, args });
const said = [];
try {
  const page = await browser.newPage();
  page.on("console", (message) => message.type() === "error" && said.push(message.text()));
  page.on("pageerror", (error) => said.push(String(error)));
  await page.goto(url);
  await page.waitForFunction(() => window.scenarios);
  const late = new Promise((_, refuse) => setTimeout(() => refuse(new Error("out of time")), seconds * 1000).unref());
  const run = page.evaluate(([name, options]) => window.scenarios[name](options), [scenario, given]);
  const found = await Promise.race([run, late]);
  console.log(JSON.stringify({ found, said }));
} catch (error) {
  console.log(JSON.stringify({ error: String(error), said }));
} finally {
  await browser.close();
}
