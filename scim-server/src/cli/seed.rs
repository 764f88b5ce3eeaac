//! `scim-server seed`: a directory of made-up people, to try things and to measure.

use std::io::Write as _;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use endpoint_store::{Caller, StoreError, changes, directory};
use scim_core::resource::{self, Incoming};
use scim_core::schema::ResourceType;
use serde_json::{Value, json};

use super::output::{Answer, count};
use super::{Context, Failure, Format, Which, find_live, people};

/// Resources that are made in one transaction, and members that are added in one, unless one group has more.
const BATCH: usize = 2000;
const MEMBERS: i64 = 20_000;
/// Users between two lines that tell how far it is.
const STRETCH: usize = 100_000;

/// Arguments of `seed`.
#[derive(Debug, Args)]
pub struct SeedArgs {
    /// The endpoint.
    #[command(flatten)]
    pub which: Which,
    /// How many users
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(0..=10_000_000))]
    pub users: i64,
    /// How many groups
    #[arg(long, value_name = "M", default_value_t = 0, value_parser = clap::value_parser!(i64).range(0..=1_000_000))]
    pub groups: i64,
    /// How many members each group has
    #[arg(long, value_name = "K", default_value_t = 0, value_parser = clap::value_parser!(i64).range(0..=250_000))]
    pub members: i64,
    /// How the outcome is printed.
    #[command(flatten)]
    pub format: Format,
}

/// Fills an endpoint. What is there stays, and the names are new ones each time.
///
/// # Errors
/// [`Failure`]; what was made before it stays.
pub(super) async fn run(args: &SeedArgs, context: &Context) -> Result<Answer, Failure> {
    let which = args.which.endpoint.clone();
    let (endpoint, last) = context
        .read(move |conn| {
            let endpoint = find_live(conn, &which)?;
            let last = changes::last_number(conn, &endpoint.id)?;
            Ok((endpoint, last))
        })
        .await?;
    let slug = endpoint.slug.clone();
    // Numbered like their changes: a number that was given before is never given again.
    let mut seeding = Seeding {
        context,
        caller: Caller::at_command_line(endpoint),
        begun: Instant::now(),
        stretches: Vec::new(),
    };
    let mut ids = seeding.users(last + 1..last + 1 + args.users).await?;
    let from = last + 1 + args.users;
    seeding.groups(from..from + args.groups, args.members, &mut ids).await?;
    Ok(answer(&slug, args, &seeding))
}

struct Seeding<'a> {
    context: &'a Context,
    caller: Caller,
    begun: Instant,
    /// Users made so far, and when: at the beginning, and after each stretch.
    stretches: Vec<(usize, Duration)>,
}

impl Seeding<'_> {
    fn resource_type(&self, name: &str) -> Result<Arc<ResourceType>, Failure> {
        let found = self.caller.endpoint().catalog.by_name(name).cloned();
        found.ok_or_else(|| Failure::new(&format!("the endpoint has no resource type {name}")))
    }

    async fn users(&mut self, numbers: Range<i64>) -> Result<Vec<String>, Failure> {
        let rt = self.resource_type("User")?;
        let all = numbers.clone().count();
        let mut ids = Vec::with_capacity(all);
        self.stretches.push((0, self.begun.elapsed()));
        for number in numbers.clone().step_by(BATCH) {
            let end = numbers.end.min(number + i64::try_from(BATCH).unwrap_or(i64::MAX));
            // Outside the transaction, so that a server on the same database has its turns.
            let batch = self.read_all(&rt, (number..end).map(people::user))?;
            ids.extend(self.load(&rt, batch).await?);
            if ids.len() % STRETCH == 0 || ids.len() == all {
                self.stretches.push((ids.len(), self.begun.elapsed()));
                self.say(ids.len(), all, "users");
            }
        }
        Ok(ids)
    }

    /// The members of a group stand beside each other, from a place that its number decides.
    async fn groups(
        &mut self,
        numbers: Range<i64>,
        members: i64,
        ids: &mut Vec<String>,
    ) -> Result<(), Failure> {
        let rt = self.resource_type("Group")?;
        let all = numbers.clone().count();
        if all == 0 {
            return Ok(());
        }
        self.enough(members, ids).await?;
        let size = usize::try_from(members).unwrap_or_default();
        let at_once = usize::try_from(MEMBERS / members.max(1)).unwrap_or_default().clamp(1, BATCH);
        let mut made = 0;
        for number in numbers.clone().step_by(at_once) {
            let end = numbers.end.min(number + i64::try_from(at_once).unwrap_or(i64::MAX));
            let bodies = (number..end).map(|number| {
                let (before, after) = ids.split_at(people::roll(number, ids.len()));
                people::group(number, after.iter().chain(before).take(size))
            });
            let batch = self.read_all(&rt, bodies)?;
            made += self.load(&rt, batch).await?.len();
            if made % 1000 < at_once || made == all {
                self.say(made, all, "groups");
            }
        }
        Ok(())
    }

    /// When fewer users were made than a group has members, those that were there before join.
    async fn enough(&self, members: i64, ids: &mut Vec<String>) -> Result<(), Failure> {
        let wanted = usize::try_from(members).unwrap_or_default();
        if ids.len() >= wanted {
            return Ok(());
        }
        let (endpoint, rt) = (self.caller.endpoint().id.clone(), self.resource_type("User")?);
        *ids = self.context.read(move |conn| directory::ids(conn, &endpoint, &rt, members)).await?;
        if ids.len() < wanted {
            return Err(Failure::new(&format!(
                "a group of {members} needs as many users, and there are {}; make more with --users",
                ids.len()
            )));
        }
        Ok(())
    }

    fn read_all(
        &self,
        rt: &ResourceType,
        bodies: impl Iterator<Item = Value>,
    ) -> Result<Vec<Incoming>, Failure> {
        let endpoint = self.caller.endpoint();
        let dialect = endpoint.settings.dialect(endpoint.idp);
        bodies
            .map(|body| resource::read(rt, &body, dialect))
            .collect::<Result<_, _>>()
            .map_err(|error| self.context.failure(&StoreError::from(error)))
    }

    async fn load(&self, rt: &Arc<ResourceType>, batch: Vec<Incoming>) -> Result<Vec<String>, Failure> {
        let (caller, rt, now) = (self.caller.clone(), rt.clone(), self.context.config.clock.now());
        self.context.write(move |tx| directory::load(tx, &caller, &rt, &batch, now)).await
    }

    fn say(&self, made: usize, all: usize, what: &str) {
        let _ = writeln!(
            std::io::stderr(),
            "{made} of {all} {what} after {:.1} s",
            self.begun.elapsed().as_secs_f64()
        );
    }

    /// Users a second from the first stretch, and in the last.
    fn rates(&self) -> (Option<f64>, Option<f64>) {
        let rate = |pair: &[(usize, Duration)]| match pair {
            [(from, begun), (to, ended)] if to > from => {
                let made = u32::try_from(to - from).unwrap_or(u32::MAX);
                Some((f64::from(made) / (*ended - *begun).as_secs_f64()).round())
            }
            _ => None,
        };
        let mut pairs = self.stretches.windows(2).filter_map(rate);
        let first = pairs.next();
        (first, pairs.next_back().or(first))
    }
}

fn answer(slug: &str, args: &SeedArgs, seeding: &Seeding<'_>) -> Answer {
    let seconds = (seeding.begun.elapsed().as_secs_f64() * 10.0).round() / 10.0;
    let (first, last) = seeding.rates();
    let memberships = args.groups * args.members;
    let text = format!(
        "Endpoint `{slug}` has {}, {} and {} more, made in {seconds} s.",
        count(args.users, "user"),
        count(args.groups, "group"),
        count(memberships, "membership")
    );
    let json = json!({
        "endpoint": slug, "users": args.users, "groups": args.groups, "memberships": memberships, "seconds": seconds,
        "users_per_second": { "first_100k": first, "last_100k": last },
    });
    Answer { json, text }
}
