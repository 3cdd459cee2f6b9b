//! Holds that an old answer never replaces a newer event.
import { expect, it } from "vitest";
import { uncrossed } from "../uncrossed.ts";

it("asks again when an event came while it waited", async () => {
  let heard = 0;
  const answers = ["old", "new"];
  const request = async () => {
    const answer = answers.shift() ?? "too often";
    if (answer === "old") heard += 1;
    return answer;
  };
  expect(await uncrossed(request, () => heard)).toBe("new");
});

it("takes the first answer when nothing was heard", async () => {
  let asked = 0;
  expect(await uncrossed(async () => (asked += 1), () => 7)).toBe(1);
});

it("gives up where events do not cease", async () => {
  let heard = 0;
  expect(await uncrossed(async () => (heard += 1), () => heard)).toBeUndefined();
});
