//! Owns the fields of an offer, grouped by question: what, where, when, for whom. Faults of the server stand at their fields.
import type { ComponentChildren } from "preact";
import type { Campaign, FieldError, LocalText, Product, StoreSummary, SurfaceKind } from "../../shared/types.ts";
import { Select, Switch, TextArea, TextField } from "../../shared/ui/field.tsx";
import { type Form, type Gap, PUBLIC_WORDS_MAX, SURFACE_KINDS, type Words, faultAt, wordCount } from "../draft.ts";
import { type TextKey, t } from "../texts.ts";
import { SURFACES, local } from "../words.ts";

interface Properties {
  readonly form: Form;
  readonly onChange: (form: Form) => void;
  readonly campaigns: readonly Campaign[];
  readonly products: readonly Product[];
  readonly stores: readonly StoreSummary[];
  readonly zones: readonly { readonly zone: string; readonly name: string }[];
  readonly faults: readonly FieldError[];
  readonly gaps: readonly Gap[];
  readonly sentence: LocalText | undefined;
}

export function OfferForm({ form, onChange, campaigns, products, stores, zones, faults, gaps, sentence }: Properties) {
  const set = (change: Partial<Form>) => onChange({ ...form, ...change });
  const fault = (gap: Gap | undefined, ...pointers: string[]) => (gap && gaps.includes(gap) ? t(`gap.${gap}` as TextKey) : faultAt(faults, ...pointers));
  return (
    <form class="stack-6" onSubmit={(event) => event.preventDefault()}>
      <Group title={t("form.what")}>
        <Select
          label={t("offers.product")}
          value={form.product?.sku ?? ""}
          error={fault("product", "/product")}
          options={[{ value: "", label: t("form.choose") }, ...products.map((product) => ({ value: product.sku, label: local(product.name) }))]}
          onChange={(sku) => set({ product: products.find((product) => product.sku === sku) })}
        />
        <div class="pair">
          <TextField label={t("offers.price")} value={form.price} onInput={(price) => set({ price })} inputMode="decimal" name="price" error={fault("price", "/price")} />
          <TextField label={t("form.was")} value={form.was} onInput={(was) => set({ was })} inputMode="decimal" name="was" error={fault("was", "/was")} />
        </div>
        <WordFields words={form.words} onChange={(words) => set({ words })} error={faultAt(faults, "/fallback")} />
        {SURFACE_KINDS.filter((surface) => form.surfaces.includes(surface)).map((surface) => (
          <OwnWords key={surface} surface={surface} form={form} onChange={onChange} error={faultAt(faults, `/variants/${surface}`)} />
        ))}
      </Group>

      <Group title={t("form.where")}>
        <Checks label={t("offers.surfaces")} all={SURFACE_KINDS.map((surface) => ({ value: surface, label: t(SURFACES[surface]) }))} chosen={form.surfaces} onChange={(surfaces) => set({ surfaces: surfaces as SurfaceKind[] })} error={faultAt(faults, "/target/surfaces", "/variants")} />
        <Checks label={t("form.stores")} help={t("form.stores_help")} all={stores.map((store) => ({ value: store.store, label: store.name }))} chosen={form.stores} onChange={(chosen) => set({ stores: chosen })} error={faultAt(faults, "/target/stores")} />
        <Checks label={t("form.zones")} help={t("form.zones_help")} all={zones.map((zone) => ({ value: zone.zone, label: zone.name }))} chosen={form.zones} onChange={(chosen) => set({ zones: chosen })} error={faultAt(faults, "/target/zones")} />
      </Group>

      <Group title={t("form.when")}>
        <div class="pair">
          <TextField label={t("form.from")} type="datetime-local" value={form.from} onInput={(from) => set({ from })} name="from" error={fault("from", "/from")} />
          <TextField label={t("form.to")} type="datetime-local" value={form.to} onInput={(to) => set({ to })} name="to" error={fault("to", "/to")} />
        </div>
        <Select
          label={t("form.campaign")}
          help={t("form.campaign_help")}
          value={form.campaign}
          error={fault("campaign", "/campaign")}
          options={[{ value: "", label: t("form.choose") }, ...campaigns.map((campaign) => ({ value: campaign.campaign, label: campaign.name }))]}
          onChange={(campaign) => set({ campaign })}
        />
      </Group>

      <Group title={t("form.who")}>
        <TextArea label={t("form.rule")} help={t("form.rule_help")} value={form.rule} onInput={(rule) => set({ rule })} maxLength={4000} error={faultAt(faults, "/rule")} />
        {sentence && !faultAt(faults, "/rule") ? <p class="sentence">{local(sentence)}</p> : null}
        <div class="field">
          <label for="value">{t("form.value", { value: form.value })}</label>
          <p class="help">{t("form.value_help")}</p>
          <input id="value" type="range" min="0" max="100" step="5" value={form.value} onInput={(event) => set({ value: Number(event.currentTarget.value) })} />
        </div>
        <Switch label={t("form.push")} help={t("form.push_help")} checked={form.push} onChange={(push) => set({ push })} />
      </Group>
    </form>
  );
}

function Group({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <fieldset class="card group">
      <legend>{title}</legend>
      {children}
    </fieldset>
  );
}

function OwnWords({ surface, form, onChange, error }: { surface: SurfaceKind; form: Form; onChange: (form: Form) => void; error: string | undefined }) {
  const own = form.own[surface];
  const change = (words: Words | undefined) => {
    const { [surface]: _, ...others } = form.own;
    onChange({ ...form, own: words ? { ...others, [surface]: words } : others });
  };
  return (
    <div class="own">
      <Switch label={t("form.own", { surface: t(SURFACES[surface]) })} checked={own !== undefined} onChange={(on) => change(on ? form.words : undefined)} />
      {own ? <WordFields words={own} onChange={change} error={error} /> : null}
    </div>
  );
}

function WordFields({ words, onChange, error }: { words: Words; onChange: (words: Words) => void; error: string | undefined }) {
  const headline = (language: "de" | "en") => (
    <TextField
      label={t(`form.headline_${language}`)}
      help={t("form.words", { count: wordCount(words.headline[language]), most: PUBLIC_WORDS_MAX })}
      error={wordCount(words.headline[language]) > PUBLIC_WORDS_MAX ? t("form.too_many") : undefined}
      value={words.headline[language]}
      maxLength={500}
      onInput={(text) => onChange({ ...words, headline: { ...words.headline, [language]: text } })}
    />
  );
  const line = (language: "de" | "en") => <TextField label={t(`form.line_${language}`)} value={words.line[language]} maxLength={500} onInput={(text) => onChange({ ...words, line: { ...words.line, [language]: text } })} />;
  return (
    <div class="stack-2">
      <div class="pair">
        {headline("de")}
        {headline("en")}
      </div>
      <div class="pair">
        {line("de")}
        {line("en")}
      </div>
      {error ? (
        <p class="field-error" role="alert">
          {error}
        </p>
      ) : null}
    </div>
  );
}

function Checks({ label, help, all, chosen, onChange, error }: { label: string; help?: string; all: readonly { value: string; label: string }[]; chosen: readonly string[]; onChange: (chosen: string[]) => void; error?: string | undefined }) {
  return (
    <fieldset class="checks">
      <legend>{label}</legend>
      {help ? <p class="help">{help}</p> : null}
      <div class="row">
        {all.map((option) => (
          <label key={option.value} class="check">
            <input type="checkbox" checked={chosen.includes(option.value)} onChange={(event) => onChange(event.currentTarget.checked ? [...chosen, option.value] : chosen.filter((value) => value !== option.value))} />
            {option.label}
          </label>
        ))}
      </div>
      {error ? (
        <p class="field-error" role="alert">
          {error}
        </p>
      ) : null}
    </fieldset>
  );
}
