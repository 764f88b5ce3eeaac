//! *Verify*: plays what an identity provider does against a twin of an endpoint, and reports step by step.
//!
//! The twin is a throw-away installation beside the one in use (`endpoint_store::twins`) with one endpoint that has the same
//! provider, settings and schemas, behind the same door, on a port of this machine. What is sent goes over HTTP and meets
//! authentication, routing and limits as in real life; nothing of it reaches the installation itself.

pub mod check;
pub mod facts;
pub mod path;
mod play;
pub mod scenario;
pub mod scenarios;
mod schemas;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::dev::ServerHandle;
use endpoint_admin::Clock;
use endpoint_store::caller::Actor;
use endpoint_store::endpoints::{self, NewEndpoint, Status};
use endpoint_store::tokens::{NewToken, Scope, Secret};
use endpoint_store::twins::{self, Twin};
use endpoint_store::verifications::{self, Report, Verification};
use endpoint_store::{Endpoint, Store, StoreError, entropy};
use endpoint_targets::probe::Probe;
use scim_core::token::PlainToken;
use tokio::sync::Semaphore;

use crate::api::ReportView;
use crate::app::{self, StartError};
use facts::Facts;
use play::{Answer, Play};

/// Verifications that one process carries out at the same time.
const AT_ONCE: usize = 1;
/// How long one may take, with everything around it.
const PATIENCE: Duration = Duration::from_secs(120);

/// Carries out verifications of endpoints.
#[derive(Clone)]
pub struct Verifier {
    store: Store,
    clock: Clock,
    turns: Arc<Semaphore>,
}

impl endpoint_admin::Verify for Verifier {
    fn verify(
        &self,
        endpoint: Endpoint,
        actor: Actor,
    ) -> Pin<Box<dyn Future<Output = Result<Verification, StoreError>>>> {
        let verifier = self.clone();
        Box::pin(async move { Ok(verifier.run(endpoint, actor).await?.0) })
    }

    fn document(
        &self,
        endpoint: &Endpoint,
        verification: &Verification,
        report: Report,
    ) -> serde_json::Value {
        serde_json::to_value(ReportView::new(endpoint, verification, report)).unwrap_or_default()
    }
}

impl Verifier {
    /// For the endpoints of this store.
    pub fn new(store: Store, clock: Clock) -> Self {
        Self { store, clock, turns: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// Verifies an endpoint and keeps the report. It goes on when whoever asked does not wait for it any more.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when another one is under way, or no twin can be made.
    pub async fn run(&self, endpoint: Endpoint, actor: Actor) -> Result<(Verification, Report), StoreError> {
        let turn = self.turns.clone().try_acquire_owned().map_err(|_| {
            StoreError::refused(
                "another verification is under way on this server; it takes some seconds, so try again then",
            )
        })?;
        let this = self.clone();
        let work = actix_web::rt::spawn(async move {
            let _held = turn;
            let outcome = tokio::time::timeout(PATIENCE, this.carry_out(endpoint, actor)).await;
            outcome.unwrap_or_else(|_| {
                Err(StoreError::Unavailable(format!(
                    "the verification took longer than {} seconds",
                    PATIENCE.as_secs()
                )))
            })
        });
        work.await.unwrap_or_else(|error| Err(StoreError::Unavailable(format!("it was given up: {error}"))))
    }

    async fn carry_out(
        &self,
        endpoint: Endpoint,
        actor: Actor,
    ) -> Result<(Verification, Report), StoreError> {
        let (began_at, began) = (self.clock.now(), Instant::now());
        let mirror = self.store.clone();
        let twin = blocking(move || Twin::beside(&mirror)).await?;
        let played = self.with_twin(&twin, &endpoint).await;
        if let Err(error) = blocking(move || twin.remove()).await {
            tracing::warn!(%error, "a throw-away twin could not be removed; it is swept later");
        }
        let report = played?;
        let took = i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX);
        let kept = report.clone();
        let verification = self
            .store
            .write(move |tx| {
                verifications::keep(tx, &endpoint.id, (endpoint.idp, &kept), (began_at, took), &actor)
            })
            .await?;
        Ok((verification, report))
    }

    /// Opens the twin, plays, and closes it again.
    async fn with_twin(&self, twin: &Twin, endpoint: &Endpoint) -> Result<Report, StoreError> {
        let store = twin.open().await?;
        let played = self.behind_a_door(&store, endpoint).await;
        store.close().await;
        played
    }

    async fn behind_a_door(&self, store: &Store, endpoint: &Endpoint) -> Result<Report, StoreError> {
        let (twin, token) = make_endpoint(store, endpoint, self.clock.now()).await?;
        let door = app::open_door(store.clone(), self.clock.clone()).await.map_err(|error| match error {
            StartError::Database { error, .. } => error,
            other => StoreError::Unavailable(other.to_string()),
        })?;
        let base = format!("http://{}/scim/{}/v2", door.address, twin.slug);
        let open = Open(door.server.handle());
        let serving = actix_web::rt::spawn(door.server);
        let played = play(&base, &twin, &token).await;
        drop(open);
        let _ = serving.await;
        let mut report = played?;
        report.notes.extend(notes(endpoint));
        Ok(report)
    }
}

/// A door that is shut when nobody needs it any more, also when the play was given up.
struct Open(ServerHandle);

impl Drop for Open {
    fn drop(&mut self) {
        // Asked for at once; what is waited for is only that it is done.
        drop(self.0.stop(false));
    }
}

/// Takes away what crashed servers and commands left of twins.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub(crate) async fn sweep(store: &Store) -> Result<(), StoreError> {
    let store = store.clone();
    let swept = blocking(move || twins::sweep(&store)).await?;
    if swept > 0 {
        tracing::info!(swept, "twins that a verification had left behind were removed");
    }
    Ok(())
}

/// The same endpoint in an empty installation, with a token. It comes as fast as it can.
async fn make_endpoint(
    store: &Store,
    endpoint: &Endpoint,
    now: i64,
) -> Result<(Endpoint, Secret), StoreError> {
    let mut new = NewEndpoint::like(endpoint, &endpoint.slug);
    new.settings.push(("rate".to_owned(), "unlimited".to_owned()));
    let token = NewToken {
        label: "verification".to_owned(),
        kind: Default::default(),
        scope: Scope::Write,
        networks: Default::default(),
        expires_at: None,
        request_key: None,
    };
    let made = store.write(move |tx| endpoints::create_with_token(tx, &new, &token, &Actor::system(), now));
    let (twin, token, _) = made.await?;
    Ok((twin, token))
}

async fn play(base: &str, twin: &Endpoint, token: &Secret) -> Result<Report, StoreError> {
    let damaged =
        |error: String| StoreError::Damaged(format!("the scenario of {}: {error}", twin.idp.as_str()));
    let (scenario, confidence) = scenarios::of(twin.idp, &twin.catalog).map_err(damaged)?;
    let probe = Probe::new(base.to_owned()).map_err(|error| StoreError::Unavailable(error.to_string()))?;
    let facts = Facts::new(twin.idp, &twin.settings);
    let title = scenario.title.clone();
    let wrong = PlainToken::mint(&entropy());
    let mut play = Play::new(scenario, facts, token.reveal(), wrong.reveal());
    while let Some(request) = play.next() {
        let body = request.body.as_ref().map(|body| body.to_string().into_bytes());
        let heard = probe.ask(&request.method, &request.path, &request.headers, body).await;
        match &heard {
            Ok(heard) => {
                let header = |name: &str| heard.header(name);
                let (status, micros) = (heard.status, heard.micros);
                play.answered(&request, Ok(Answer { status, header: &header, body: &heard.body, micros }));
            }
            Err(why) => play.answered(&request, Err(why.clone())),
        }
    }
    let mut settings = twin.settings.entries();
    // That the twin is not slowed down is no setting of the endpoint.
    settings.retain(|(name, _)| name != "rate");
    Ok(Report {
        scenario: title,
        settings,
        notes: vec![format!("How well the scenario is known: {confidence}")],
        steps: play.end(),
    })
}

/// What a report does not say about the endpoint itself.
fn notes(endpoint: &Endpoint) -> Vec<String> {
    let mut notes = Vec::new();
    match endpoint.status {
        Status::Active => {}
        Status::Paused => {
            notes.push("The endpoint itself is paused and answers 503; its twin was not.".to_owned());
        }
        Status::Disabled => {
            notes.push("The endpoint itself is disabled and answers 403; its twin was not.".to_owned());
        }
    }
    let required = endpoint.catalog.resource_types().iter().flat_map(|rt| &rt.extensions);
    for extension in required.filter(|extension| extension.required) {
        notes.push(format!(
            "This endpoint requires {}: the twin was sent sample values, and the provider must be set up to send real ones.",
            extension.schema.id
        ));
    }
    notes
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(StoreError::Unavailable(format!("the work was given up: {error}"))))
}
