//! What an endpoint serves, and the extensions and resource types of its own as JSON.

use actix_web::{http::StatusCode, web};
use askama::Template;
use endpoint_store::{
    endpoints::{self, EndpointSummary},
    observations,
};
use scim_core::schema::Catalog;

use super::definitions::{self, Addition};
use crate::{
    error::PageError,
    forms::{Errors, Form},
    frame::{Frame, Head, Tab},
    pages::{Answer, html, html_as, see, told},
    session::Operator,
    ui::{Num, State, Tone},
};

/// A schema of a resource type.
pub(crate) struct SchemaRow {
    pub(crate) urn: String,
    pub(crate) attributes: String,
    pub(crate) own: bool,
}

/// A resource type.
pub(crate) struct TypeRow {
    pub(crate) name: String,
    pub(crate) address: String,
    pub(crate) state: State,
    pub(crate) count: Num,
    pub(crate) schemas: Vec<SchemaRow>,
}

#[derive(Template)]
#[template(path = "pages/schema.html")]
struct SchemaPage {
    frame: Frame,
    head: Head,
    base: String,
    types: Vec<TypeRow>,
    text: String,
    lines: usize,
    drafted: Option<String>,
    sent_as: Option<String>,
    errors: Errors,
}

/// The page; the address may ask for a draft.
pub(crate) async fn show(operator: Operator, slug: web::Path<String>) -> Answer {
    let summary = operator.endpoint(&slug).await?;
    let mut page = page(&operator, &summary, Errors::default()).await?;
    if let Some(addition) = Addition::of(operator.query()).filter(|_| operator.role().may_write()) {
        let endpoint = &summary.endpoint;
        let id = endpoint.id.clone();
        let seen = operator.read(move |conn| observations::list(conn, &id)).await?;
        let draft = definitions::draft(endpoint, &seen, &addition);
        page.drafted = Some(match addition {
            Addition::Attribute { path, .. } => format!("A draft with “{path}” in it. Nothing is saved yet."),
            Addition::Type => "A draft with a resource type “Device” in it. Nothing is saved yet.".to_owned(),
        });
        page.sent_as = draft.name;
        page.write(draft.text);
    }
    html(&page)
}

impl SchemaPage {
    fn write(&mut self, text: String) {
        self.lines = text.lines().count().clamp(12, 32);
        self.text = text;
    }
}

async fn page(
    operator: &Operator,
    summary: &EndpointSummary,
    errors: Errors,
) -> Result<SchemaPage, PageError> {
    let id = summary.endpoint.id.clone();
    let counts = operator.read(move |conn| endpoints::counts(conn, &id)).await?;
    let endpoint = &summary.endpoint;
    let (frame, head) = operator.desk(summary, Tab::Schema);
    let mut page = SchemaPage {
        frame,
        head,
        base: operator.public_url().scim_base(&endpoint.slug),
        types: types(&endpoint.catalog, &counts),
        text: String::new(),
        lines: 0,
        drafted: None,
        sent_as: None,
        errors,
    };
    page.write(endpoint.definitions.clone().unwrap_or_default());
    Ok(page)
}

fn types(catalog: &Catalog, counts: &[(String, i64)]) -> Vec<TypeRow> {
    let builtin = Catalog::builtin();
    let of_standard = |urn: &str| builtin.schemas().iter().any(|schema| schema.id == urn);
    let row = |rt: &std::sync::Arc<scim_core::schema::ResourceType>| TypeRow {
        name: rt.name.clone(),
        address: format!("/{}", rt.endpoint),
        state: if builtin.by_name(&rt.name).is_some() {
            State::new("Standard", "check", Tone::Calm)
        } else {
            State::new("Own", "new", Tone::Ok)
        },
        count: Num::of(counts.iter().find(|(name, _)| *name == rt.name).map_or(0, |(_, count)| *count)),
        schemas: rt
            .schemas()
            .map(|schema| SchemaRow {
                urn: schema.id.clone(),
                attributes: Num(schema.attributes.len() as u64).with("attribute", "attributes"),
                own: !of_standard(&schema.id),
            })
            .collect(),
    };
    catalog.resource_types().iter().map(row).collect()
}

/// Saves the definitions; nothing in the field takes all of them away.
pub(crate) async fn save(operator: Operator, slug: web::Path<String>, form: Form) -> Answer {
    let summary = operator.endpoint(&slug).await?;
    // Forms send line ends as two characters.
    let text = form.text("definitions").replace("\r\n", "\n");
    let (id, now, wanted, actor) =
        (summary.endpoint.id.clone(), operator.now(), text.clone(), operator.actor());
    let saved = operator
        .write(move |tx| {
            let wanted = Some(wanted.as_str()).filter(|text| !text.is_empty());
            endpoints::set_definitions(tx, &id, wanted, &actor, now)
        })
        .await;
    match saved {
        Ok(endpoint) => Ok(see(format!("/admin/endpoints/{}/schema?done=schema-saved", endpoint.slug))),
        Err(error) => {
            let errors = Errors::one("definitions", told(error)?);
            let mut page = page(&operator, &summary, errors).await?;
            page.write(text);
            html_as(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
    }
}
