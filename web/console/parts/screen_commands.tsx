//! Owns what staff may tell one screen from the console. Takes: store and screen. Emits: a command, which the store hands over once.
//! On failure: says so; nothing was sent.
import { Monitor, RotateCw, Undo2 } from "lucide";
import { useState } from "preact/hooks";
import { ask } from "../../shared/api.ts";
import type { ScreenCommandKind, ScreenCommandRequest } from "../../shared/types.ts";
import { Button } from "../../shared/ui/button.tsx";
import type { IconNode } from "../../shared/ui/icon.tsx";
import { toast } from "../../shared/ui/toast.tsx";
import { type TextKey, t } from "../texts.ts";

/** A command that its screen has not taken by then is not carried out any more. */
const TTL_S = 120;
/** Long enough to walk past and see which one it is. */
const IDENTIFY_S = 20;

const COMMANDS: readonly { key: TextKey; icon: IconNode; command: ScreenCommandKind }[] = [
  { key: "command.identify", icon: Monitor, command: { kind: "identify", for_s: IDENTIFY_S } },
  { key: "command.revert", icon: Undo2, command: { kind: "revert" } },
  { key: "command.restart", icon: RotateCw, command: { kind: "restart" } },
];

export function ScreenCommands({ store, screen }: { store: string; screen: string }) {
  const [busy, setBusy] = useState<TextKey>();
  const send = async (key: TextKey, command: ScreenCommandKind) => {
    setBusy(key);
    const body: ScreenCommandRequest = { ttl_s: TTL_S, command };
    try {
      await ask(`/v1/stores/${encodeURIComponent(store)}/screens/${encodeURIComponent(screen)}/commands`, { method: "POST", body });
      toast(t("command.sent"));
    } catch {
      toast(t("command.failed"));
    } finally {
      setBusy(undefined);
    }
  };
  return (
    <div class="row">
      {COMMANDS.map(({ key, icon, command }) => (
        <Button key={key} icon={icon} busy={busy === key} onPress={() => void send(key, command)}>
          {t(key)}
        </Button>
      ))}
    </div>
  );
}
