//! Who the customer is and what they set themselves: language, pause, channels; how much interruption is left.
//!
//! Owns the commands of the own profile. Emits `home` where the change moves it.

use aisle_cloud_core::gate::attention;
use aisle_schemas::http::cloud::{ChannelSwitch, Home, Me, MeChange, Restraint, Role, VisitView};
use chrono::TimeDelta;

use crate::{
    actors::customer::{
        Command, Decided, World,
        change::Changes,
        state::{Customer, Interest, visit_view},
    },
    problem::Refusal,
    wire,
};

/// Who is signed in.
pub struct GetMe {
    pub roles: Vec<Role>,
    /// The account was made just now.
    pub new: bool,
}

impl Command for GetMe {
    type Answer = Me;
    const NAME: &'static str = "get_me";
    fn decide(&self, customer: &Customer, world: &World) -> Result<Decided<Me>, Refusal> {
        Ok(Decided::answer(customer.me(self.roles.clone(), self.new, &world.settings, world.now)))
    }
}

/// Change own settings.
pub struct ChangeMe {
    pub change: MeChange,
    pub roles: Vec<Role>,
}

impl Command for ChangeMe {
    type Answer = Me;
    const NAME: &'static str = "change_me";
    fn decide(&self, customer: &Customer, world: &World) -> Result<Decided<Me>, Refusal> {
        let MeChange { language, pause_days, channel } = &self.change;
        let mut profile = customer.profile.clone();
        if let Some(language) = language {
            profile.language = *language;
        }
        match pause_days {
            Some(0) => profile.paused_until = None,
            Some(days) => profile.paused_until = Some(world.now + TimeDelta::days(i64::from(*days))),
            None => {}
        }
        if let Some(ChannelSwitch { channel, enabled }) = channel {
            profile.channels_off.retain(|off| off != channel);
            if !enabled {
                profile.channels_off.push(channel.clone());
            }
        }
        let mut next = customer.clone();
        next.profile = profile.clone();
        let answer = next.me(self.roles.clone(), false, &world.settings, world.now);
        let profile = (profile != customer.profile).then_some(profile);
        Ok(Decided { changes: Changes { profile, ..Changes::default() }, answer })
    }
}

/// The home page for where the person is.
pub struct GetHome;

impl Command for GetHome {
    type Answer = Home;
    const NAME: &'static str = "get_home";
    fn decide(&self, customer: &Customer, world: &World) -> Result<Decided<Home>, Refusal> {
        Ok(Decided::answer(wire::home(customer.context(world.now))))
    }
}

/// What a stream begins with.
pub struct GetNow;

impl Command for GetNow {
    type Answer = (Home, Option<VisitView>);
    const NAME: &'static str = "get_now";
    fn decide(&self, customer: &Customer, world: &World) -> Result<Decided<Self::Answer>, Refusal> {
        let visit = customer.visit.as_ref().map(|visit| visit_view(visit, &world.settings));
        Ok(Decided::answer((wire::home(customer.context(world.now)), visit)))
    }
}

/// How much interruption is left (A15).
pub struct GetRestraint;

impl Command for GetRestraint {
    type Answer = Restraint;
    const NAME: &'static str = "get_restraint";
    fn decide(&self, customer: &Customer, world: &World) -> Result<Decided<Restraint>, Refusal> {
        let person = customer.person(&world.settings, Interest::default(), world.now);
        let left = attention::left(&person, &world.settings.policy.attention, world.now);
        let units = |milli: i64| milli.max(0) as f64 / 1000.0;
        Ok(Decided::answer(Restraint {
            context: wire::context_to_wire(person.context),
            left_now: units(left.now_milli),
            left_week: units(left.week_milli),
            fatigue: attention::fatigue(&person.reactions, world.now),
            paused_until: customer.profile.paused_until.filter(|until| *until > world.now),
            channels_disabled: customer.profile.channels_off.clone(),
        }))
    }
}
