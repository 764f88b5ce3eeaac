//! Targets as the management API takes and shows them.

use endpoint_store::Millis;
use endpoint_store::sealed::SecretBytes;
use endpoint_store::targets::edit::Changes;
use endpoint_store::targets::queue::{Counts, Item, State};
use endpoint_store::targets::{Mode, NewTarget, Options, Target};
use endpoint_targets::reconcile::Report;
use scim_core::time::format;
use serde::{Deserialize, Serialize};
use serde_json::Number;
use utoipa::ToSchema;

use super::endpoints::present;
use super::tokens::integer;

const HOUR: Millis = 3_600_000;

/// When the identity provider is answered.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum TargetMode {
    Queued,
    BeforeAnswer,
}

impl From<TargetMode> for Mode {
    fn from(mode: TargetMode) -> Self {
        match mode {
            TargetMode::Queued => Self::Queued,
            TargetMode::BeforeAnswer => Self::BeforeAnswer,
        }
    }
}

/// A new target.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewTarget)]
pub(super) struct NewTargetBody {
    /// `secret-server` or `scim`.
    pub(super) kind: String,
    /// Its base URL.
    pub(super) url: String,
    /// Name of the application account; of Secret Server only.
    #[serde(default, deserialize_with = "present")]
    #[schema(inline, value_type = String, required = false)]
    pub(super) username: Option<String>,
    /// The account's password, or a bearer token. It is kept encrypted and never shown again.
    pub(super) secret: String,
    /// Domain of the account.
    #[serde(default, deserialize_with = "present")]
    #[schema(inline, value_type = String, required = false)]
    pub(super) domain: Option<String>,
    /// `queued` when absent.
    #[serde(default, deserialize_with = "present")]
    #[schema(inline, value_type = TargetMode, required = false)]
    pub(super) mode: Option<TargetMode>,
    /// Takes an http:// URL.
    #[serde(default)]
    #[schema(required = false)]
    pub(super) allow_http: bool,
    /// Every so many hours what is there is taken over; only when asked for if absent.
    #[serde(default, deserialize_with = "present")]
    #[schema(inline, value_type = u16, minimum = 1, maximum = 8760, required = false)]
    pub(super) import_every_hours: Option<Number>,
    /// Failures in a row after which it is left alone for a while; 20 when absent.
    #[serde(default, deserialize_with = "present")]
    #[schema(inline, value_type = u8, minimum = 1, maximum = 50, required = false)]
    pub(super) threshold: Option<Number>,
    /// Length of a password that is made for a new account, used once and kept nowhere; 32 when absent.
    #[serde(default, deserialize_with = "present")]
    #[schema(inline, value_type = u8, minimum = 8, maximum = 128, required = false)]
    pub(super) password_length: Option<Number>,
    /// The ASCII punctuation marks that such a password has at least one of; none when empty.
    #[serde(default, deserialize_with = "present")]
    #[schema(inline, value_type = String, max_length = 32, pattern = r"^[!-/:-@\[-`{-~]*$", required = false)]
    pub(super) password_symbols: Option<String>,
}

/// What is to be different; what is left out stays. Its address stays: another address is another target.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TargetPatch {
    /// Name of the application account.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = false)]
    pub(super) username: Option<String>,
    /// The account's password, or a bearer token. It is kept encrypted and never shown again.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = false)]
    pub(super) secret: Option<String>,
    /// Domain of the account; `null` for a local one.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, required = false)]
    pub(super) domain: Option<Option<String>>,
    /// When the identity provider is answered.
    #[serde(default, deserialize_with = "present")]
    #[schema(inline, value_type = TargetMode, required = false)]
    pub(super) mode: Option<TargetMode>,
    /// Every so many hours what is there is taken over; only when asked for with `null`.
    #[serde(default, deserialize_with = "present")]
    #[schema(inline, value_type = Option<u16>, minimum = 1, maximum = 8760, required = false)]
    pub(super) import_every_hours: Option<Option<Number>>,
    /// Failures in a row after which it is left alone for a while.
    #[serde(default, deserialize_with = "present")]
    #[schema(inline, value_type = u8, minimum = 1, maximum = 50, required = false)]
    pub(super) threshold: Option<Number>,
    /// Length of a password that is made for a new account, used once and kept nowhere.
    #[serde(default, deserialize_with = "present")]
    #[schema(inline, value_type = u8, minimum = 8, maximum = 128, required = false)]
    pub(super) password_length: Option<Number>,
    /// The ASCII punctuation marks that such a password has at least one of; none when empty.
    #[serde(default, deserialize_with = "present")]
    #[schema(inline, value_type = String, max_length = 32, pattern = r"^[!-/:-@\[-`{-~]*$", required = false)]
    pub(super) password_symbols: Option<String>,
}

impl TargetPatch {
    /// What the store takes.
    pub(super) fn changes(self) -> Changes {
        Changes {
            username: self.username,
            secret: self.secret.map(SecretBytes::from_text),
            domain: self.domain.map(Option::unwrap_or_default),
            mode: self.mode.map(Mode::from),
            import_every: self.import_every_hours.map(|hours| hours.as_ref().map(millis)),
            threshold: self.threshold.as_ref().map(whole),
            password_length: self.password_length.as_ref().map(length),
            password_symbols: self.password_symbols,
        }
    }
}

/// What is no whole number counts as nought, which is refused where it is judged.
fn whole(number: &Number) -> i64 {
    integer(number).unwrap_or(0)
}

fn length(number: &Number) -> usize {
    usize::try_from(whole(number)).unwrap_or(0)
}

fn millis(hours: &Number) -> Millis {
    whole(hours).saturating_mul(HOUR)
}

impl NewTargetBody {
    /// What the store takes.
    pub(super) fn read(self) -> NewTarget {
        let usual = Options::default();
        NewTarget {
            kind: self.kind,
            url: self.url,
            username: self.username,
            secret: SecretBytes::from_text(self.secret),
            domain: self.domain,
            mode: self.mode.map_or(Mode::Queued, Mode::from),
            allow_http: self.allow_http,
            import_every: self.import_every_hours.as_ref().map(millis),
            options: Options {
                threshold: self.threshold.as_ref().map_or(usual.threshold, whole),
                password_length: self.password_length.as_ref().map_or(usual.password_length, length),
                password_symbols: self.password_symbols.unwrap_or(usual.password_symbols),
            },
        }
    }
}

/// How many things are where.
#[derive(Serialize, ToSchema)]
#[schema(as = TargetQueue)]
pub(super) struct QueueView {
    pub(super) waiting: i64,
    pub(super) done: i64,
    pub(super) failed: i64,
    /// None of ours, or nothing to do.
    pub(super) left: i64,
    /// Changes that are not taken in yet.
    pub(super) behind: i64,
    /// Since when the one that waits longest does.
    #[schema(format = DateTime)]
    pub(super) oldest_since: Option<String>,
}

/// One target, without its secret.
#[derive(Serialize, ToSchema)]
#[schema(as = Target)]
pub(super) struct TargetView {
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) url: String,
    pub(super) username: Option<String>,
    pub(super) domain: Option<String>,
    /// `queued` or `before-answer`.
    pub(super) mode: &'static str,
    /// Every so many hours what is there is taken over; only when asked for if `null`.
    pub(super) import_every_hours: Option<i64>,
    /// Failures in a row after which it is left alone for a while.
    pub(super) threshold: i64,
    pub(super) password_length: usize,
    pub(super) password_symbols: String,
    /// `ok`, `first-sync`, `troubled` or `resting`.
    pub(super) state: &'static str,
    pub(super) last_error: Option<String>,
    #[schema(format = DateTime)]
    pub(super) last_ok_at: Option<String>,
    /// Until when nothing is tried.
    #[schema(format = DateTime)]
    pub(super) resting_until: Option<String>,
    #[schema(format = DateTime)]
    pub(super) imported_at: Option<String>,
    #[schema(format = DateTime)]
    pub(super) reconciled_at: Option<String>,
    #[schema(format = DateTime)]
    pub(super) created_at: String,
    pub(super) created_by: String,
    pub(super) queue: QueueView,
}

impl TargetView {
    pub(super) fn new(target: &Target, counts: &Counts, now: Millis) -> Self {
        Self {
            id: target.id.clone(),
            kind: target.kind.clone(),
            url: target.url.clone(),
            username: target.username.clone(),
            domain: target.domain.clone(),
            mode: target.mode.as_str(),
            import_every_hours: target.import_every.map(|every| every / HOUR),
            threshold: target.options.threshold,
            password_length: target.options.password_length,
            password_symbols: target.options.password_symbols.clone(),
            state: target.standing(now),
            last_error: target.last_error.clone(),
            last_ok_at: target.last_ok_at.map(format),
            resting_until: target.open_until.filter(|until| *until > now).map(format),
            imported_at: target.imported_at.map(format),
            reconciled_at: target.reconciled_at.map(format),
            created_at: format(target.created_at),
            created_by: target.created_by.clone(),
            queue: QueueView {
                waiting: counts.of(State::Waiting) + counts.of(State::Blocked),
                done: counts.of(State::Done),
                failed: counts.of(State::Failed),
                left: counts.of(State::Left),
                behind: counts.behind,
                oldest_since: counts.oldest.map(format),
            },
        }
    }
}

/// Something that a target refuses, or that waits.
#[derive(Serialize, ToSchema)]
#[schema(as = TargetItem)]
pub(super) struct ItemView {
    /// `user`, `group` or `member`.
    pub(super) kind: &'static str,
    pub(super) name: String,
    pub(super) resource: String,
    pub(super) member: Option<String>,
    /// `waiting`, `failed`, `blocked` or `left`.
    pub(super) state: &'static str,
    pub(super) reason: Option<String>,
    pub(super) attempts: i64,
    #[schema(format = DateTime)]
    pub(super) waiting_since: Option<String>,
}

impl ItemView {
    pub(super) fn new((item, name): (Item, String)) -> Self {
        Self {
            kind: item.kind.as_str(),
            name,
            state: item.state.as_str(),
            member: Some(item.member_id).filter(|id| !id.is_empty()),
            resource: item.resource_id,
            reason: item.reason,
            attempts: item.attempts,
            waiting_since: item.waiting_since.map(format),
        }
    }
}

/// A target with what it refuses and what is waiting, a hundred at most.
#[derive(Serialize, ToSchema)]
pub(super) struct TargetDetail {
    #[serde(flatten)]
    #[schema(inline)]
    pub(super) target: TargetView,
    pub(super) items: Vec<ItemView>,
}

/// One thing that was looked at.
#[derive(Serialize, ToSchema)]
pub(super) struct CheckLine {
    pub(super) what: String,
    pub(super) ok: bool,
    pub(super) sentence: String,
}

/// What a test of the connection found.
#[derive(Serialize, ToSchema)]
#[schema(as = TargetCheck)]
pub(super) struct CheckView {
    pub(super) ok: bool,
    pub(super) checks: Vec<CheckLine>,
}

/// One thing that would be done.
#[derive(Serialize, ToSchema)]
pub(super) struct PlanLine {
    /// `create`, `update`, `disable`, `enable`, `adopt`, `add`, `refused`, `left` or `stranger`.
    pub(super) what: &'static str,
    pub(super) kind: &'static str,
    pub(super) name: String,
    pub(super) why: String,
}

/// What would be done.
#[derive(Serialize, ToSchema)]
#[schema(as = TargetPlan)]
pub(super) struct PlanView {
    pub(super) in_sync: bool,
    pub(super) equal: usize,
    /// The first of them.
    pub(super) lines: Vec<PlanLine>,
    /// Why there is no plan: the target could not be read.
    pub(super) failure: Option<String>,
}

impl PlanView {
    pub(super) fn new(report: Report) -> Self {
        let line = |line: endpoint_targets::reconcile::Line| PlanLine {
            what: line.what,
            kind: line.kind.as_str(),
            name: line.name,
            why: line.why,
        };
        Self {
            in_sync: report.is_equal(),
            equal: report.equal,
            lines: report.lines.into_iter().map(line).collect(),
            failure: None,
        }
    }
}

/// The deprovision clock over 30 days.
#[derive(Serialize, ToSchema)]
#[schema(as = Deprovisioning)]
pub(super) struct ClockView {
    /// Deactivations that every target has.
    pub(super) done: usize,
    /// Half of them took no longer.
    pub(super) p50_ms: Option<i64>,
    /// 99 of 100 took no longer.
    pub(super) p99_ms: Option<i64>,
    /// Under way for more than five minutes.
    pub(super) late: i64,
}
