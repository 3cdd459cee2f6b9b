//! Owns the list of components with their states. The words are those of a product page, in the reader's language.
import { Bookmark, CircleCheck, CircleX, Send } from "lucide";
import { useEffect, useRef, useState } from "preact/hooks";
import { ART_HUES, artUrl, scenicUrl } from "../shared/art.ts";
import de from "../shared/locales/styleguide.de.json";
import en from "../shared/locales/styleguide.en.json";
import { drawScene } from "../shared/scene.ts";
import type { Content } from "../shared/types.ts";
import { Button, IconButton } from "../shared/ui/button.tsx";
import { Dialog } from "../shared/ui/dialog.tsx";
import { Badge, Empty, Notice, Progress, Ring, SkeletonBox, SkeletonLines } from "../shared/ui/feedback.tsx";
import { Choices, Select, Switch, TextArea, TextField } from "../shared/ui/field.tsx";
import { locale, setLocale, texts } from "../shared/ui/locale.ts";
import { Plan } from "../shared/ui/plan.tsx";
import { Qr } from "../shared/ui/qr.tsx";
import { Table } from "../shared/ui/table.tsx";
import { Tabs } from "../shared/ui/tabs.tsx";
import { Timeline } from "../shared/ui/timeline.tsx";
import { Toasts, toast } from "../shared/ui/toast.tsx";
import { Why } from "../shared/ui/why.tsx";

const t = texts({ de, en });
const SCALES = [
  ...Array.from({ length: 12 }, (_, step) => `--neutral-${step + 1}`),
  ...["accent-2", "accent-3", "accent-7", "accent-9", "accent-10", "accent-11", "success-2", "success-9", "success-11", "warning-2", "warning-9", "warning-11", "danger-2", "danger-9", "danger-11"].map((name) => `--${name}`),
];

export function Guide() {
  return (
    <main>
      <header class="guide-head">
        <h1>{t("title")}</h1>
        <Choices
          label={t("language")}
          value={locale.value}
          options={[
            { value: "de", label: t("language.de") },
            { value: "en", label: t("language.en") },
          ]}
          onChange={setLocale}
        />
      </header>
      <div class="themes">
        {(["light", "dark"] as const).map((theme) => (
          <section key={theme} class={`theme ${theme} stack-6`} aria-label={t(theme)}>
            <h2>{t(theme)}</h2>
            <Parts theme={theme} />
          </section>
        ))}
      </div>
      <Toasts />
    </main>
  );
}

function Parts({ theme }: { theme: "light" | "dark" }) {
  const [text, setText] = useState("");
  const [on, setOn] = useState(true);
  const [tab, setTab] = useState<"one" | "two">("one");
  const [open, setOpen] = useState(false);
  const options = [
    { value: "one", label: t("one") },
    { value: "two", label: t("two") },
  ];
  return (
    <>
      <div class="scale" role="img" aria-label={t("colours")}>
        {SCALES.map((name) => (
          <span key={name} style={{ background: `var(${name})` }} />
        ))}
      </div>
      <div class="row">
        <Button kind="primary" icon={Send} onPress={() => toast(t("saved"), { label: t("undo"), run: () => undefined })}>
          {t("save")}
        </Button>
        <Button>{t("save")}</Button>
        <Button kind="danger">{t("remove")}</Button>
        <Button kind="plain" onPress={() => setOpen(true)}>
          {t("more")}
        </Button>
        <Button busy kind="primary">
          {t("save")}
        </Button>
        <Button disabled>{t("save")}</Button>
        <IconButton icon={Bookmark} label={t("keep")} onPress={() => undefined} />
      </div>
      <div class="stack">
        <TextField label={t("name")} help={t("help")} value={text} onInput={setText} />
        <TextField label={t("name")} error={t("wrong")} value={text} onInput={setText} />
        <TextArea label={t("note")} value={text} onInput={setText} />
        <Select label={t("choice")} value="one" options={options} onChange={() => undefined} />
        <Switch label={t("switch")} help={t("help")} checked={on} onChange={setOn} />
        <Choices label={t("choice")} value={tab} options={[{ value: "one", label: t("one") }, { value: "two", label: t("two") }]} onChange={setTab} />
      </div>
      <div class="row">
        <Badge>{t("one")}</Badge>
        <Badge tone="accent">{t("one")}</Badge>
        <Badge tone="success" dot>
          {t("good")}
        </Badge>
        <Badge tone="warning" dot>
          {t("waits")}
        </Badge>
        <Badge tone="danger" dot>
          {t("off")}
        </Badge>
      </div>
      <div class="stack">
        <Notice title={t("note")}>
          <p>{t("help")}</p>
        </Notice>
        <Notice tone="success">{t("saved")}</Notice>
        <Notice tone="warning">{t("waits")}</Notice>
        <Notice tone="danger" title={t("wrong")} action={<Button>{t("again")}</Button>} />
      </div>
      <Tabs label={t("choice")} value={tab} tabs={[{ value: "one", label: t("one") }, { value: "two", label: t("two") }]} onChange={setTab}>
        <p>{t(tab)}</p>
      </Tabs>
      <div class="card flush">
        <Table
          caption={`${t("table")}, ${t(theme)}`}
          columns={[
            { key: "name", head: t("name"), cell: (row: { name: string; amount: number }) => row.name, sort: (row) => row.name },
            { key: "amount", head: t("amount"), cell: (row) => row.amount, sort: (row) => row.amount, end: true },
          ]}
          rows={[
            { name: t("one"), amount: 120 },
            { name: t("two"), amount: 7 },
          ]}
          rowKey={(row) => row.name}
          empty={null}
        />
      </div>
      <div class="row">
        <Ring part={0.7} label={t("left")} />
        <div style={{ flex: "1" }}>
          <Progress label={t("left")} part={0.4} />
        </div>
      </div>
      <SkeletonLines widths={[80, 60, 70]} />
      <SkeletonBox height="3rem" />
      <div class="card">
        <Empty art={scenicUrl("empty-offers")} title={t("empty")} action={<Button>{t("again")}</Button>}>
          {t("help")}
        </Empty>
      </div>
      <Plan
        title={t("plan")}
        width={600}
        height={240}
        zones={[
          { id: "a", name: t("one"), x: 8, y: 8, width: 300, height: 224, count: 14 },
          { id: "b", name: t("two"), x: 316, y: 8, width: 276, height: 224, count: undefined },
        ]}
        markers={[
          { id: "m", name: t("screen"), kind: "screen", x: 220, y: 160, off: false },
          { id: "n", name: t("display"), kind: "nfc", x: 480, y: 160, off: true },
        ]}
        fewText={t("off")}
      />
      <Timeline
        label={t("timeline")}
        entries={[
          { key: "1", icon: CircleCheck, tone: "success", time: "09:41:07", dateTime: "2026-11-24T09:41:07Z", body: <p class="strong">{t("good")}</p> },
          { key: "2", icon: CircleX, time: "09:40:51", dateTime: "2026-11-24T09:40:51Z", body: <p class="strong">{t("off")}</p> },
        ]}
      />
      <Why
        label={t("why")}
        clauses={[
          { key: "1", name: t("one"), verdict: "pass" },
          { key: "2", name: t("two"), verdict: "stop", text: t("help") },
          { key: "3", name: t("more"), verdict: "wait" },
          { key: "4", name: t("again"), verdict: "not_reached" },
        ]}
        verdictNames={{ pass: t("good"), stop: t("off"), wait: t("waits"), not_reached: t("off") }}
      />
      <Scene />
      <div class="guide-qr">
        <Qr text="https://shop.example.com/c?c=d1.berlin-mitte.door-1" label={t("code")} />
      </div>
      <div class="art-list">
        {Object.keys(ART_HUES).map((name) => (
          <figure key={name}>
            <img src={artUrl(name)} alt="" width="80" height="80" loading="lazy" />
            <figcaption>{name}</figcaption>
          </figure>
        ))}
      </div>
      {open ? (
        <Dialog title={t("more")} closeLabel={t("close")} onClose={() => setOpen(false)} actions={<Button kind="primary" onPress={() => setOpen(false)}>{t("save")}</Button>}>
          <p>{t("help")}</p>
        </Dialog>
      ) : null}
    </>
  );
}

const CONTENT: Content = { class: "P0", headline: { de: de.scene, en: en.scene }, line: { de: de.scene_line, en: en.scene_line }, image: "coffee", price: { minor: 549, currency: "EUR" }, was: { minor: 699, currency: "EUR" }, segment: null };

function Scene() {
  const frame = useRef<HTMLDivElement>(null);
  const language = locale.value;
  useEffect(() => frame.current?.replaceChildren(drawScene(CONTENT, "main", language).element), [language]);
  return <div class="scene-frame" ref={frame} />;
}
