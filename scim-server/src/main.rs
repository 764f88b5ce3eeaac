//! tmp
use std::sync::Arc;
use endpoint_store::{Store, endpoints, tokens, settings::Idp, caller::Actor};
#[actix_web::main]
async fn main() -> std::io::Result<()> {
    tracing_subscriber::fmt().init();
    let url = std::env::args().nth(1).unwrap_or("sqlite:/tmp/try/scim.db".into());
    let database: endpoint_store::DatabaseUrl = url.parse().unwrap_or_else(|_| endpoint_store::DatabaseUrl::Sqlite("/tmp/try/scim.db".into()));
    Store::migrate(&database).map_err(std::io::Error::other)?;
    let cfg = scim_server::Config { database, listen: "127.0.0.1:8099".parse().map_err(std::io::Error::other)?, console_listen: None, public_url: None, tls: None, rate: None, clock: endpoint_admin::Clock(Arc::new(|| i64::try_from(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map(|d| d.as_millis()).unwrap_or_default()).unwrap_or_default())) };
    let clock = cfg.clock.clone();
    let store = Store::open(&cfg.database).map_err(std::io::Error::other)?;
    let now = clock.now();
    for idp in [Idp::OneLogin, Idp::Generic] {
    let (e, t) = store.write(move |tx| { let e = endpoints::create(tx, &endpoints::NewEndpoint { name: idp.as_str().into(), tenant: None, idp }, now)?; let (t, _) = tokens::issue(tx, &e.id, &tokens::NewToken { label: String::new(), scope: tokens::Scope::Write, expires_at: None, request_key: None }, &Actor::cli(), now)?; Ok((e, t.reveal().to_owned())) }).await.map_err(std::io::Error::other)?;
    println!("{} {}", e.slug, t);
    }
    let app = scim_server::build(cfg).await.map_err(std::io::Error::other)?;
    println!("{:?}", app.setup_link());
    app.run().await
}
