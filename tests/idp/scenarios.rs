//! Every scenario that we have, each on an endpoint of its own.

use scim_server::verify::scenario::Scenario;

use crate::idp::player::Player;
use crate::support::app::App;
use crate::support::backend::Backend;
use crate::support::both;

pub(crate) const ONELOGIN_STOCK: &str = include_str!("../fixtures/idp/onelogin-stock-template.json");
pub(crate) const ONELOGIN_OURS: &str = include_str!("../fixtures/idp/onelogin-our-template.json");
const OKTA: &str = include_str!("../fixtures/idp/okta.json");
const ENTRA: &str = include_str!("../fixtures/idp/entra.json");

fn player(app: &App, text: &str) -> Player {
    let endpoint = &app.furniture().onelogin;
    Player::new(text, app.address(), &app.base_path(endpoint), &endpoint.token)
}

both! {
    async fn onelogin_with_the_stock_template(app: &App) {
        player(app, ONELOGIN_STOCK).play().await;
    }

    async fn onelogin_with_our_template(app: &App) {
        player(app, ONELOGIN_OURS).play().await;
    }

    async fn okta(app: &App) {
        on_its_preset(app, OKTA).await;
    }

    async fn entra(app: &App) {
        on_its_preset(app, ENTRA).await;
    }
}

/// Plays a scenario on an endpoint made for its identity provider.
async fn on_its_preset(app: &App, text: &str) {
    let endpoint = app.fresh_endpoint(&Scenario::parse(text).unwrap().idp).await;
    Player::new(text, app.address(), &app.base_path(&endpoint), &endpoint.token).play().await;
}

/// An identity provider's administrator pastes an address with a slash at the end, or types it in capitals.
#[tokio::test]
async fn onelogin_with_a_base_url_as_people_type_it() {
    for base in ["/scim/onelogin/v2/", "/scim/ONELOGIN/v2", "//scim//onelogin/v2"] {
        let app = App::furnished(Backend::Sqlite).await.unwrap();
        let token = app.furniture().onelogin.token.clone();
        let mut player = Player::as_typed(ONELOGIN_OURS, app.address(), base, &token);
        player.play().await;
        app.stop().await;
    }
}

/// Plays every file of the folder in `IDP_SCENARIOS`: captures and scenarios that are not ours to publish.
#[tokio::test]
async fn from_a_folder() {
    let Some(folder) = std::env::var_os("IDP_SCENARIOS") else { return };
    let mut wrong = Vec::new();
    for (name, content) in crate::support::backend::files_under(folder.as_ref()) {
        if !name.ends_with(".json") {
            continue;
        }
        let text = String::from_utf8(content).unwrap();
        let scenario = Scenario::parse(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let app = App::furnished(Backend::Sqlite).await.unwrap();
        let endpoint = app.fresh_endpoint(&scenario.idp).await;
        let mut player = Player::new(&text, app.address(), &app.base_path(&endpoint), &endpoint.token);
        wrong.extend(player.play_and_report().await.map(|report| format!("{name}\n{report}")));
        app.stop().await;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
