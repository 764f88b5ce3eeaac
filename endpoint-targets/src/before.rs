//! Before the answer: a write is rehearsed, brought to the targets, and only then kept. What a target refuses is refused,
//! and nothing is kept.
//!
//! The target is asked outside of any transaction. Before that, what is there already is marked as waiting: a server that
//! dies between the act and the write leaves a target that comes back to what the directory has, and an account without
//! a user here that is adopted when the identity provider sends its unanswered request again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use endpoint_store::endpoints::EndpointId;
use endpoint_store::targets::queue::{Item, Kind, Outcome, State};
use endpoint_store::targets::steps::{self, Step, Wish};
use endpoint_store::targets::{Mode, Target, queue, wish};
use endpoint_store::{Millis, StoreError, Tx};
use scim_core::error::ScimError;

use crate::bring::{Bring, Broken};
use crate::deliver::Deliverer;
use crate::remote::{Failure, Refusal, Remote};

/// How long the worker leaves alone what is being asked for.
const HELD: Millis = 60_000;

/// The targets that are asked before an answer, by endpoint, and who is asking.
#[derive(Default)]
pub(crate) struct Asked {
    targets: Mutex<HashMap<EndpointId, Vec<Target>>>,
    turns: Mutex<HashMap<EndpointId, Arc<tokio::sync::Mutex<()>>>>,
}

impl Asked {
    /// Takes over what the store says.
    pub(crate) fn refresh(&self, all: &[Target]) {
        let mut found: HashMap<EndpointId, Vec<Target>> = HashMap::new();
        for target in all.iter().filter(|target| target.mode == Mode::BeforeAnswer) {
            found.entry(target.endpoint.clone()).or_default().push(target.clone());
        }
        *self.targets.lock().unwrap_or_else(PoisonError::into_inner) = found;
    }

    fn of(&self, endpoint: &EndpointId) -> Vec<Target> {
        let targets = self.targets.lock().unwrap_or_else(PoisonError::into_inner);
        targets.get(endpoint).cloned().unwrap_or_default()
    }

    fn turn(&self, endpoint: &EndpointId) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.entry(endpoint.clone()).or_default().clone()
    }
}

/// What a target did about each step.
type Acts = Vec<(Target, Vec<(Step, Outcome)>)>;

impl Deliverer {
    /// Whether an endpoint has a target that is asked before the identity provider is answered.
    pub fn asks_before(&self, endpoint: &EndpointId) -> bool {
        !self.asked().of(endpoint).is_empty()
    }

    /// Writes into the directory of an endpoint; where a target is to be asked before, only if it agrees.
    ///
    /// # Errors
    /// As [`endpoint_store::Store::write_in`], and [`StoreError::Scim`] with what the target says.
    pub async fn write_in<T: Send + 'static>(
        &self,
        endpoint: &EndpointId,
        write: impl Fn(&mut Tx<'_>) -> Result<T, StoreError> + Clone + Send + Sync + 'static,
    ) -> Result<T, StoreError> {
        let targets = self.asked().of(endpoint);
        if targets.is_empty() {
            return self.store().write_in(endpoint, write).await;
        }
        let turn = self.asked().turn(endpoint);
        let _turn = turn.lock().await;
        let mut acts: Acts = Vec::new();
        for target in targets {
            let steps = self.rehearse(&target, write.clone()).await?;
            let done = self.act(&target, &steps).await?;
            acts.push((target, done));
        }
        self.keep_write(endpoint, write, acts).await
    }

    /// Runs the write, looks what it would change, and takes it back.
    async fn rehearse<T: Send + 'static>(
        &self,
        target: &Target,
        write: impl Fn(&mut Tx<'_>) -> Result<T, StoreError> + Send + Sync + 'static,
    ) -> Result<Vec<Step>, StoreError> {
        let seen: Arc<Mutex<Option<Vec<Step>>>> = Arc::default();
        let (noted, of) = (seen.clone(), target.clone());
        let rehearsal = self.store().write_in(&target.endpoint, move |tx| -> Result<(), StoreError> {
            let number = steps::before(tx, &of.endpoint)?;
            write(tx)?;
            let found = steps::since(tx, &of, number)?;
            *noted.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
            Err(StoreError::refused("this was a rehearsal"))
        });
        let outcome = rehearsal.await;
        let steps = seen.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (steps, outcome) {
            (Some(steps), Err(StoreError::Refused(_))) => Ok(steps),
            (_, Err(error)) => Err(error),
            (_, Ok(())) => Err(StoreError::Unavailable("a rehearsal was kept".into())),
        }
    }

    /// Brings every step to the target; the first that is refused ends it, and what was done before is taken back by the
    /// worker.
    async fn act(&self, target: &Target, steps: &[Step]) -> Result<Vec<(Step, Outcome)>, StoreError> {
        let now = self.now();
        if steps.is_empty() {
            return Ok(Vec::new());
        }
        if target.is_resting(now) {
            return Err(
                told(&Failure::Away("it has failed many times in a row and is left alone".into())).into()
            );
        }
        let way = self.way(target).map_err(|failure| StoreError::from(told(&failure)))?;
        self.hold_back(target, steps, now + HELD).await?;
        let mut acting = Acting { deliverer: self, target, remote: way.as_ref(), new: HashMap::new() };
        let mut done = Vec::with_capacity(steps.len());
        for step in steps {
            match acting.step(step).await {
                Ok(outcome) => done.push((step.clone(), outcome)),
                Err(broken) => {
                    self.hold_back(target, steps, 0).await?;
                    return Err(match broken {
                        Broken::Store(error) => error,
                        Broken::Target(failure) => told(&failure).into(),
                    });
                }
            }
        }
        Ok(done)
    }

    async fn hold_back(&self, target: &Target, steps: &[Step], next_at: Millis) -> Result<(), StoreError> {
        let (of, steps, now) = (target.clone(), steps.to_vec(), self.now());
        self.store().write(move |tx| steps::hold(tx, &of, &steps, next_at, now)).await
    }

    /// The write itself, with what the targets have now. Where somebody else was faster the worker looks again.
    async fn keep_write<T: Send + 'static>(
        &self,
        endpoint: &EndpointId,
        write: impl Fn(&mut Tx<'_>) -> Result<T, StoreError> + Send + Sync + 'static,
        acts: Acts,
    ) -> Result<T, StoreError> {
        let now = self.now();
        let kept = self.store().write_in(endpoint, move |tx| {
            let number = match acts.first() {
                Some((target, _)) => steps::before(tx, &target.endpoint)?,
                None => 0,
            };
            let value = write(tx)?;
            for (target, done) in &acts {
                let found = steps::since(tx, target, number)?;
                if found.len() == done.len() {
                    for (step, (was, outcome)) in found.iter().zip(done) {
                        if is_same(&step.wish, &was.wish) {
                            steps::keep(tx, target, step, outcome, now)?;
                        }
                    }
                }
            }
            Ok(value)
        });
        kept.await
    }
}

/// The same wish; what is new has another id than in the rehearsal.
fn is_same(a: &Wish, b: &Wish) -> bool {
    match (a, b) {
        (Wish::User(Some(a)), Wish::User(Some(b))) => {
            wish::User { id: String::new(), ..a.clone() } == wish::User { id: String::new(), ..b.clone() }
        }
        (Wish::Group(Some(a)), Wish::Group(Some(b))) => a.name == b.name,
        (a, b) => a == b,
    }
}

/// What the identity provider is told.
fn told(failure: &Failure) -> ScimError {
    let text = format!(
        "The application behind this endpoint did not take the change, and nothing was kept: {failure}."
    );
    match failure {
        Failure::Refused(Refusal::Taken, _) => ScimError::uniqueness(text),
        Failure::Refused(Refusal::Owned, _) => ScimError::mutability(text),
        Failure::Refused(..) => ScimError::invalid_value(text),
        Failure::Away(_) | Failure::Denied(_) | Failure::Busy(_) => ScimError::unavailable(text),
    }
}

/// The steps of one write under way.
struct Acting<'a> {
    deliverer: &'a Deliverer,
    target: &'a Target,
    remote: &'a dyn Remote,
    /// What the target has of those that this write makes or changes.
    new: HashMap<String, Item>,
}

impl Acting<'_> {
    async fn step(&mut self, step: &Step) -> Result<Outcome, Broken> {
        let bring = Bring { store: self.deliverer.store(), target: self.target, remote: self.remote };
        let item = self.item(&step.resource, step.kind()).await?;
        let outcome = match &step.wish {
            Wish::User(user) => bring.user(item.remote_id.as_deref(), user.as_ref()).await?,
            Wish::Group(group) => bring.group(&item, group.as_ref()).await?,
            Wish::Member(wanted) => {
                let user = self.item(&step.member, Kind::User).await?;
                let (wanted, group, user) = (*wanted, Some(item.clone()), Some(user));
                bring.member(&wish::Membership { wanted, is_user: true, group, user }).await?
            }
        };
        if step.kind() != Kind::Member {
            self.note(&step.resource, item, &outcome);
        }
        Ok(outcome)
    }

    /// What is known of a resource in the target, after the steps before.
    async fn item(&self, id: &str, kind: Kind) -> Result<Item, Broken> {
        if let Some(known) = self.new.get(id) {
            return Ok(known.clone());
        }
        let (target, resource) = (self.target.clone(), id.to_owned());
        let found =
            self.deliverer.store().read(move |conn| queue::item(conn, &target, &resource, "")).await?;
        Ok(found.unwrap_or_else(|| Item::unknown(id, kind)))
    }

    fn note(&mut self, id: &str, mut item: Item, outcome: &Outcome) {
        match outcome {
            Outcome::Done { remote_id, remote_name, present, .. } => {
                (item.remote_id, item.remote_name) = (remote_id.clone(), remote_name.clone());
                (item.present, item.state) = (*present, State::Done);
            }
            Outcome::Left(reason) => (item.state, item.reason) = (State::Left, Some(reason.clone())),
            _ => {}
        }
        self.new.insert(id.to_owned(), item);
    }
}
