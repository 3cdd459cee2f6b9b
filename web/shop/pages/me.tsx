//! Owns the page about oneself: rest, channels, consent, language, look, visits, signing out.
import { ChevronRight, LogOut, ShieldCheck } from "lucide";
import { useState } from "preact/hooks";
import { ask } from "../../shared/api.ts";
import { dayAndClock } from "../../shared/format.ts";
import type { Restraint, Visits } from "../../shared/types.ts";
import { Button } from "../../shared/ui/button.tsx";
import { SkeletonBox, SkeletonText } from "../../shared/ui/feedback.tsx";
import { Choices, Switch } from "../../shared/ui/field.tsx";
import { Icon } from "../../shared/ui/icon.tsx";
import { useLoaded } from "../../shared/ui/load.ts";
import { locale } from "../../shared/ui/locale.ts";
import { type Theme, setTheme, theme } from "../../shared/ui/theme.ts";
import { Head } from "../parts/header.tsx";
import { Languages } from "../parts/languages.tsx";
import { changeMe, session, signOut, visitChanges } from "../state.ts";
import { t } from "../texts.ts";

const CHANNELS = ["push", "email", "sms"] as const;
const PAUSES = [1, 7, 30] as const;
/** Interruptions left in a visit that has just begun: how long that sentence is. */
const LEFT_USUALLY = 3;

export function MePage() {
  const current = session.value;
  const restraint = useLoaded(() => ask<Restraint>("/v1/me/restraint"), [current]);
  if (current.state !== "in") return null;
  const { me } = current;
  return (
    <div class="page">
      <Head title={t("me.title")} />

      <section class="card stack" aria-labelledby="rest">
        <h2 id="rest">{t("me.rest")}</h2>
        {me.paused_until ? (
          <>
            <p>{t("me.paused", { time: dayAndClock(me.paused_until, locale.value) })}</p>
            <div>
              <Button onPress={() => void changeMe({ pause_days: 0 })}>{t("me.resume")}</Button>
            </div>
          </>
        ) : (
          <>
            {restraint.data ? <p class="quiet">{t("me.left", { count: Math.max(0, Math.floor(restraint.data.left_now)) })}</p> : restraint.error ? <p class="quiet">{t("offline.plain")}</p> : <SkeletonText text={t("me.left", { count: LEFT_USUALLY })} />}
            <div class="row">
              {PAUSES.map((days) => (
                <Button key={days} onPress={() => void changeMe({ pause_days: days })}>
                  {t("me.pause", { count: days })}
                </Button>
              ))}
            </div>
          </>
        )}
        <Channels restraint={restraint.data} />
        <p class="small quiet">{t("me.night")}</p>
      </section>

      <a class="tile" href="/me?view=consent">
        <Icon node={ShieldCheck} />
        <span>
          <strong>{t("me.consent")}</strong>
          <span>{t("me.consent_text")}</span>
        </span>
        <Icon node={ChevronRight} />
      </a>

      <section class="card stack">
        <div class="setting">
          <h2>{t("language")}</h2>
          <Languages onChoice={(choice) => void changeMe({ language: choice })} />
        </div>
        <div class="setting">
          <h2>{t("me.theme")}</h2>
          <Choices<Theme>
            label={t("me.theme")}
            value={theme.value}
            options={[
              { value: "system", label: t("me.theme.system") },
              { value: "light", label: t("me.theme.light") },
              { value: "dark", label: t("me.theme.dark") },
            ]}
            onChange={setTheme}
          />
        </div>
      </section>

      <div class="center">
        <Button icon={LogOut} onPress={() => void signOut()}>
          {t("me.sign_out")}
        </Button>
      </div>
      <OwnVisits />
    </div>
  );
}

function Channels({ restraint }: { restraint: Restraint | undefined }) {
  const [changed, setChanged] = useState<Record<string, boolean>>({});
  // The switches stand from the beginning and can be pressed as soon as their state is known.
  return (
    <div aria-busy={restraint === undefined}>
      {CHANNELS.map((channel) => (
        <Switch
          key={channel}
          label={t(`me.channel.${channel}`)}
          checked={changed[channel] ?? (restraint !== undefined && !restraint.channels_disabled.includes(channel))}
          disabled={restraint === undefined}
          onChange={(enabled) => {
            setChanged({ ...changed, [channel]: enabled });
            void changeMe({ channel: { channel, enabled } });
          }}
        />
      ))}
    </div>
  );
}

function OwnVisits() {
  const { data, error } = useLoaded(() => ask<Visits>("/v1/me/visits"), [visitChanges.value]);
  return (
    <section class="stack">
      <h2>{t("me.visits")}</h2>
      {data ? (
        data.visits.length === 0 ? (
          <p class="quiet">{t("me.no_visits")}</p>
        ) : (
          <ul class="rows">
            {data.visits.map((known) => (
              <li key={known.visit} class="visit-row">
                <strong>{known.store_name}</strong>
                <span class="quiet small">{known.closed_at === null ? t("me.visit_open") : dayAndClock(known.opened_at, locale.value)}</span>
              </li>
            ))}
          </ul>
        )
      ) : error ? (
        <p class="quiet">{t("offline.plain")}</p>
      ) : (
        <SkeletonBox height="7rem" />
      )}
    </section>
  );
}
