//! Processor time and memory of processes, as `/proc` tells them.
//!
//! Emits [`Usage`]: seconds of CPU per process between two looks, what other processes of the machine used meanwhile, and peaks of resident memory.
//! Where `/proc` does not say, the figure is 0.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Ticks per second of `/proc/*/stat`: fixed by the kernel's interface.
const TICKS_PER_S: f64 = 100.0;
/// Share of the machine that others may use before a run says so.
pub const FOREIGN_SHARE_MAX: f64 = 0.10;

/// A process to be watched: name in the report, pid.
pub type Watched = (String, u32);

/// A look at the processors.
#[derive(Debug, Clone)]
pub struct Look {
    at: Instant,
    ours: BTreeMap<String, u64>,
    machine: u64,
}

/// What was used between two looks.
#[derive(Debug, Clone, Default)]
pub struct Usage {
    /// CPU seconds by name.
    pub cpu_s: BTreeMap<String, f64>,
    pub wall: Duration,
    /// Share of all processors used by processes that are not ours.
    pub foreign_share: f64,
}

impl Usage {
    /// CPU microseconds of one process per event.
    pub fn us_per_event(&self, name: &str, events: u64) -> f64 {
        self.cpu_s.get(name).copied().unwrap_or(0.0) * 1e6 / (events.max(1) as f64)
    }
}

/// Looks at processes, each with its children, and at the whole machine.
pub fn look(watched: &[Watched]) -> Look {
    let stats = stats();
    let mut ours = BTreeMap::new();
    for (name, pid) in watched {
        *ours.entry(name.clone()).or_default() += ticks_of(&stats, *pid);
    }
    Look { at: Instant::now(), ours, machine: machine_ticks() }
}

impl Look {
    /// What was used since `self`.
    pub fn until(&self, later: &Self) -> Usage {
        let wall = later.at.saturating_duration_since(self.at);
        let used = |name: &String, ticks: &u64| ticks.saturating_sub(self.ours.get(name).copied().unwrap_or(0));
        let ticks: BTreeMap<&String, u64> = later.ours.iter().map(|(name, ticks)| (name, used(name, ticks))).collect();
        let ours: u64 = ticks.values().sum();
        let foreign = later.machine.saturating_sub(self.machine).saturating_sub(ours);
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let capacity = wall.as_secs_f64() * TICKS_PER_S * (processors as f64);
        Usage {
            cpu_s: ticks.into_iter().map(|(name, ticks)| (name.clone(), (ticks as f64) / TICKS_PER_S)).collect(),
            wall,
            foreign_share: if capacity > 0.0 { (foreign as f64) / capacity } else { 0.0 },
        }
    }
}

/// One line of `/proc/{pid}/stat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stat {
    parent: u32,
    /// Of itself, and of children that it has waited for.
    ticks: u64,
    waited: u64,
}

/// The name in parentheses may hold anything, so fields count from the last one.
fn parse_stat(text: &str) -> Option<Stat> {
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |place: usize| fields.get(place).and_then(|field| field.parse::<u64>().ok());
    let parent = u32::try_from(number(1)?).ok()?;
    Some(Stat { parent, ticks: number(11)? + number(12)?, waited: number(13)? + number(14)? })
}

fn stats() -> BTreeMap<u32, Stat> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return BTreeMap::new() };
    entries
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let text = std::fs::read_to_string(entry.path().join("stat")).ok()?;
            Some((pid, parse_stat(&text)?))
        })
        .collect()
}

/// A process with its living children (PostgreSQL's backends) and those it has waited for. This process's children are watched by themselves.
fn ticks_of(stats: &BTreeMap<u32, Stat>, pid: u32) -> u64 {
    let Some(own) = stats.get(&pid) else { return 0 };
    if pid == std::process::id() {
        return own.ticks;
    }
    let children: u64 = stats.values().filter(|stat| stat.parent == pid).map(|stat| stat.ticks).sum();
    own.ticks + own.waited + children
}

/// Ticks that all processors were not idle.
fn machine_ticks() -> u64 {
    let text = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let fields: Vec<u64> = text.lines().next().unwrap_or_default().split_whitespace().filter_map(|field| field.parse().ok()).collect();
    // user, nice, system, idle, iowait, irq, softirq; guests are part of user, and what was stolen is nobody's.
    fields.iter().take(7).enumerate().filter(|(place, _)| *place != 3 && *place != 4).map(|(_, ticks)| ticks).sum()
}

/// Resident memory of a process in bytes: now (`VmRSS`) or at its peak (`VmHWM`).
pub fn memory_bytes(pid: u32, field: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse::<u64>().ok()).map_or(0, |kib| kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_and_parentheses_does_not_shift_the_fields() {
        let text = "7 (a) b (c) S 3 7 7 0 -1 4194560 1 2 0 0 11 22 33 44 20 0 1 0 5 6 7";
        assert_eq!(parse_stat(text), Some(Stat { parent: 3, ticks: 33, waited: 77 }));
        assert_eq!(parse_stat("7 (short) S 3"), None);
    }

    #[test]
    fn a_process_counts_with_its_living_and_its_waited_for_children() {
        let stat = |parent, ticks, waited| Stat { parent, ticks, waited };
        let stats = BTreeMap::from([(10, stat(1, 5, 7)), (11, stat(10, 2, 0)), (12, stat(11, 100, 0))]);
        assert_eq!((ticks_of(&stats, 10), ticks_of(&stats, 99)), (14, 0));
    }

    #[test]
    fn this_process_has_memory_and_used_time() {
        let me = ("me".to_owned(), std::process::id());
        let usage = look(std::slice::from_ref(&me)).until(&look(std::slice::from_ref(&me)));
        assert!(usage.cpu_s.contains_key("me") && memory_bytes(me.1, "VmHWM") > 0 && memory_bytes(me.1, "VmRSS") > 0);
    }
}
