//! Set-up guides: the steps in an identity provider's own words, with our values in place.
//!
//! A guide is data ([`Spec`]): steps of typed blocks, rendered by one template. Names of buttons and fields stand in it only
//! where they are documented; where they are not, the guide says what to look for.

mod authentik;
mod entra;
mod generic;
mod google;
mod jumpcloud;
mod markup;
mod okta;
mod onelogin;
mod ping;
mod rippling;
mod sailpoint;

use askama::Template;
use endpoint_store::{
    endpoints::Endpoint,
    settings::{DeletePolicy, Idp},
};

use crate::{console::PublicUrl, error::PageError, session::Operator};
use markup::Run;

/// What is known of a provider's console.
#[derive(Debug)]
pub(super) struct Spec {
    /// What it calls the base URL.
    url_field: &'static str,
    /// What it calls the token.
    token_field: &'static str,
    /// What the token itself is called here.
    token_name: &'static str,
    /// Where an OAuth 2.0 client can take the place of the token.
    oauth: bool,
    /// The steps.
    steps: &'static [Step],
    /// Its habits that matter to an administrator.
    know: &'static [&'static str],
    /// What is done until each mark of the checklist comes: test call, user, group, change.
    todo: [&'static str; 4],
    /// How a token is exchanged for another.
    exchange: [&'static str; 3],
}

/// One step.
#[derive(Debug)]
struct Step {
    title: &'static str,
    blocks: &'static [Block],
}

/// A part of a step. Texts are marked as [`markup`] says.
#[derive(Debug)]
enum Block {
    /// A paragraph.
    Say(&'static str),
    /// One in small print.
    Small(&'static str),
    /// A list.
    List(&'static [&'static str]),
    /// A table of fields, under a name for those who do not see it.
    Fields(&'static str, &'static [Field]),
}

/// A field to fill in.
#[derive(Debug)]
struct Field {
    name: &'static str,
    given: &'static [Given],
}

/// What goes into a field.
#[derive(Debug)]
enum Given {
    /// The SCIM base URL.
    BaseUrl,
    /// The token, and how it is put in.
    Token(&'static str),
    /// What is chosen, or what to know about it.
    Say(&'static str),
    /// In small print.
    Small(&'static str),
    /// A text to copy: id, what it is, a word about it, and the text.
    Copy(&'static str, &'static str, &'static str, &'static str),
    /// The same folded, under a heading, with a word below.
    Folded(&'static str, &'static Given, &'static str),
}

impl Given {
    /// The base URL is copied out of a box of its own.
    fn is_url(&self) -> bool {
        matches!(self, Self::BaseUrl)
    }
}

/// What every guide fills in.
pub(crate) struct Values<'a> {
    /// The SCIM base URL.
    pub(crate) base_url: String,
    /// The endpoint's name.
    pub(crate) name: &'a str,
    /// Whether a delete deactivates only.
    pub(crate) deactivates: bool,
    /// Where a client of OAuth gets access tokens.
    pub(crate) token_url: String,
}

impl Values<'_> {
    /// A text with its marks read and our values in place.
    fn runs(&self, text: &str) -> Vec<Run> {
        let delete = if self.deactivates {
            "This endpoint then deactivates the user and hides it from SCIM."
        } else {
            "This endpoint then removes the user for good."
        };
        markup::runs(&text.replace("{delete}", delete).replace("{name}", self.name))
    }
}

/// All of it on a page.
#[derive(Template)]
#[template(path = "guides/guide.html")]
struct Body<'a> {
    spec: &'static Spec,
    values: Values<'a>,
}

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

impl Spec {
    /// Of one provider.
    fn of(idp: Idp) -> &'static Self {
        match idp {
            Idp::OneLogin => &onelogin::GUIDE,
            Idp::Okta => &okta::GUIDE,
            Idp::Entra => &entra::GUIDE,
            Idp::JumpCloud => &jumpcloud::GUIDE,
            Idp::Google => &google::GUIDE,
            Idp::Ping => &ping::GUIDE,
            Idp::SailPoint => &sailpoint::GUIDE,
            Idp::Rippling => &rippling::GUIDE,
            Idp::Authentik => &authentik::GUIDE,
            Idp::Generic => &generic::GUIDE,
        }
    }
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
            token_url: public_url.token_url(&endpoint.slug),
        };
        Self::new(endpoint.idp, values).map_err(PageError::internal)
    }

    /// What the provider calls the field for the base URL, and the one for the token.
    pub(crate) fn fields(idp: Idp) -> (&'static str, &'static str) {
        let spec = Spec::of(idp);
        (spec.url_field, spec.token_field)
    }

    /// What is done in the provider until each mark of the checklist comes.
    pub(crate) fn todo(idp: Idp) -> [&'static str; 4] {
        Spec::of(idp).todo
    }

    /// How a token is exchanged for another, step by step.
    pub(crate) fn exchange(idp: Idp) -> Vec<String> {
        Spec::of(idp).exchange.map(str::to_owned).into()
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
        let spec = Spec::of(idp);
        Ok(Self {
            title: match idp {
                Idp::Generic => "Set it up in your identity provider".to_owned(),
                known => format!("Set it up in {}", known.label()),
            },
            url_field: spec.url_field,
            token_name: spec.token_name,
            body: Body { spec, values }.render()?,
        })
    }
}

#[cfg(test)]
mod tests;
