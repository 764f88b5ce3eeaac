//! Set-up guides: the steps in an identity provider's own words, with our values in place.

mod generic;
mod onelogin;

use askama::Template;
use endpoint_store::{
    endpoints::Endpoint,
    settings::{DeletePolicy, Idp},
};

use crate::{console::PublicUrl, error::PageError, session::Operator};

/// The guide of one endpoint.
#[derive(Clone, Debug)]
pub(crate) struct Guide {
    /// Its heading.
    pub(crate) title: String,
    /// What the provider calls the base URL.
    pub(crate) url_field: &'static str,
    /// What the token itself is called.
    pub(crate) token_name: &'static str,
    /// The steps, rendered.
    pub(crate) body: String,
}

/// What every guide fills in.
pub(crate) struct Values<'a> {
    /// The SCIM base URL.
    pub(crate) base_url: String,
    /// The endpoint's name.
    pub(crate) name: &'a str,
    /// Whether a delete deactivates only.
    pub(crate) deactivates: bool,
    /// Where a client of OAuth gets access tokens; empty for providers that have no use for it.
    pub(crate) token_url: String,
}

impl Guide {
    /// The guide for the identity provider of an endpoint.
    pub(crate) fn of(operator: &Operator, endpoint: &Endpoint) -> Result<Self, PageError> {
        Self::at(operator.public_url(), endpoint)
    }

    /// The same for whoever is no operator.
    pub(crate) fn at(public_url: &PublicUrl, endpoint: &Endpoint) -> Result<Self, PageError> {
        let values = Values {
            base_url: public_url.scim_base(&endpoint.slug),
            name: &endpoint.name,
            deactivates: endpoint.settings.delete == DeletePolicy::Deactivate,
            token_url: match endpoint.idp {
                Idp::Okta | Idp::Entra | Idp::SailPoint => public_url.token_url(&endpoint.slug),
                _ => String::new(),
            },
        };
        Self::new(endpoint.idp, values).map_err(PageError::internal)
    }

    /// What the provider calls the field for the base URL, and the one for the token.
    pub(crate) fn fields(idp: Idp) -> (&'static str, &'static str) {
        if idp == Idp::OneLogin {
            return ("SCIM Base URL", "SCIM Bearer Token");
        }
        let names = generic::Names::of(idp);
        (names.url, names.token)
    }

    /// How a token is exchanged for another, step by step.
    pub(crate) fn exchange(idp: Idp) -> Vec<String> {
        if idp == Idp::OneLogin {
            return onelogin::EXCHANGE.map(str::to_owned).into();
        }
        generic::Names::of(idp).exchange().into()
    }

    /// How the secret of a client of OAuth is exchanged for another.
    pub(crate) fn exchange_client() -> Vec<String> {
        let steps = [
            "Open the same place as when it was set up, where token URL, client id and client secret stand.",
            "Put the new client id and the new client secret in the place of the old ones, both. The token URL stays as it is. Save.",
            "Let it make a call. Its next access token is the new client's.",
        ];
        steps.map(str::to_owned).into()
    }

    /// The guide for an identity provider.
    pub(crate) fn new(idp: Idp, values: Values<'_>) -> Result<Self, askama::Error> {
        let (url_field, token_field) = Self::fields(idp);
        if idp == Idp::OneLogin {
            return Ok(Self {
                title: "Set it up in OneLogin".to_owned(),
                url_field,
                token_name: token_field,
                body: onelogin::OneLogin { values }.render()?,
            });
        }
        let names = generic::Names::of(idp);
        Ok(Self {
            title: match idp {
                Idp::Generic => "Set it up in your identity provider".to_owned(),
                known => format!("Set it up in {}", known.label()),
            },
            url_field,
            // Okta names the field after the header.
            token_name: if token_field == "Authorization" { "Bearer Token" } else { token_field },
            body: generic::Generic { values, names }.render()?,
        })
    }
}
