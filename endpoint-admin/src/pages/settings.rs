//! An endpoint's policies as sentences, what its identity provider may do differently, its name, whether it answers,
//! and its end.

use actix_web::{http::StatusCode, web};
use askama::Template;
use endpoint_store::{
    endpoints::{self, Change, EndpointSummary, Status},
    observations,
    settings::{Idp, Rate, Settings},
    tokens,
    version::Expected,
};
use scim_core::dialect::Rule;

use super::{
    policies::{self, Setting},
    token_form::request_key,
    tolerances::{self, Group},
};
use crate::{
    error::PageError,
    forms::{Errors, Form},
    frame::{Frame, Head, Tab},
    pages::{Answer, Choice, html, html_as, see, told},
    session::Operator,
    ui::Num,
};

/// Whether the endpoint answers, and the ways to change that.
pub(crate) struct Traffic {
    pub(crate) now: &'static str,
    pub(crate) ways: Vec<Choice>,
}

#[derive(Template)]
#[template(path = "pages/settings.html")]
pub(crate) struct SettingsPage {
    pub(crate) frame: Frame,
    pub(crate) head: Head,
    pub(crate) base: String,
    pub(crate) groups: Vec<Setting>,
    pub(crate) tolerances: Vec<Group>,
    pub(crate) idps: Vec<Choice>,
    pub(crate) per_second: String,
    pub(crate) name: String,
    pub(crate) request_key: String,
    pub(crate) traffic: Traffic,
    pub(crate) stake: String,
    pub(crate) errors: Errors,
}

/// The page.
pub(crate) async fn show(operator: Operator, slug: web::Path<String>) -> Answer {
    let summary = operator.endpoint(&slug).await?;
    html(&page(&operator, &summary, Errors::default()).await?)
}

pub(super) async fn page(
    operator: &Operator,
    summary: &EndpointSummary,
    errors: Errors,
) -> Result<SettingsPage, PageError> {
    let (id, now) = (summary.endpoint.id.clone(), operator.now());
    let (tokens, noticed) =
        operator.read(move |conn| Ok((tokens::list(conn, &id)?, observations::list(conn, &id)?))).await?;
    let live = tokens.iter().filter(|token| token.state(now).is_live()).count();
    let (frame, head) = operator.desk(summary, Tab::Settings);
    let endpoint = &summary.endpoint;
    Ok(SettingsPage {
        base: operator.public_url().as_str().to_owned(),
        groups: policies::all(&endpoint.settings, head.idp),
        tolerances: tolerances::groups(endpoint, &noticed, now),
        idps: idps(endpoint.idp),
        per_second: match endpoint.settings.rate {
            Rate::PerSecond(number) => number.to_string(),
            _ => String::new(),
        },
        name: endpoint.name.clone(),
        request_key: request_key(),
        traffic: traffic(endpoint.status),
        stake: format!(
            "{}, {} and {} go with it, and {} is cut off at once: every call gets 401.",
            Num::of(summary.users).with("user", "users"),
            Num::of(summary.groups).with("group", "groups"),
            Num(live as u64).with("live token", "live tokens"),
            head.idp_inside(),
        ),
        frame,
        head,
        errors,
    })
}

fn idps(own: Idp) -> Vec<Choice> {
    Idp::ALL.iter().map(|idp| Choice::new(idp.as_str(), idp.label(), "", own.as_str())).collect()
}

fn traffic(status: Status) -> Traffic {
    let active = Choice::new(
        "active",
        if status == Status::Paused { "Resume" } else { "Enable" },
        "Answer again.",
        "",
    );
    let pause = Choice::new(
        "paused",
        "Pause",
        "503: the identity provider keeps its changes and sends them again later.",
        "",
    );
    let disable =
        Choice::new("disabled", "Disable", "403: the identity provider stops and reports an error.", "");
    let (now, ways) = match status {
        Status::Active => ("It answers.", vec![pause, disable]),
        Status::Paused => ("It is paused.", vec![active, disable]),
        Status::Disabled => ("It is disabled.", vec![active, pause]),
    };
    Traffic { now, ways }
}

/// Saves the policies and the switches.
pub(crate) async fn save(operator: Operator, slug: web::Path<String>, form: Form) -> Answer {
    let summary = operator.endpoint(&slug).await?;
    let mut settings = summary.endpoint.settings.clone();
    let errors = take(&mut settings, &form)?;
    if !errors.is_empty() {
        let mut page = page(&operator, &summary, errors).await?;
        page.per_second = form.text("per_second").to_owned();
        let choose = |name: &str, choices: &mut Vec<Choice>| {
            let sent = form.text(name);
            choices.iter_mut().for_each(|choice| choice.chosen = choice.value == sent);
        };
        page.groups.iter_mut().for_each(|group| choose(group.name, &mut group.choices));
        for one in page.tolerances.iter_mut().flat_map(|group| &mut group.tolerances) {
            choose(&field_of(one.name), &mut one.choices);
        }
        return html_as(StatusCode::UNPROCESSABLE_ENTITY, &page);
    }
    let (id, actor, now) = (summary.endpoint.id.clone(), operator.actor(), operator.now());
    operator.write(move |tx| endpoints::set_settings(tx, &id, &settings, &actor, now)).await?;
    Ok(see(format!("/admin/endpoints/{}/settings?done=saved", summary.endpoint.slug)))
}

/// What the form says, into the settings; a field that was not sent changes nothing.
fn take(settings: &mut Settings, form: &Form) -> Result<Errors, PageError> {
    let rate = if form.text("rate") == "own" { form.text("per_second") } else { form.text("rate") };
    let plain = policies::PLAIN.map(|name| (name.to_owned(), form.text(name), name));
    let rules = Rule::ALL.iter().map(|rule| field_of(rule.name()));
    let rules = rules.map(|field| (field.clone(), form.text(&field), "dialect"));
    let mut errors = Errors::default();
    for (key, value, field) in
        plain.into_iter().chain(rules.collect::<Vec<_>>()).chain([("rate".to_owned(), rate, "per_second")])
    {
        if !value.is_empty()
            && let Err(error) = settings.set(&key, value)
        {
            errors.add(field, told(error)?);
        }
    }
    if form.text("rate") == "own" && rate.is_empty() {
        errors.add("per_second", "say how many requests per second");
    }
    Ok(errors)
}

/// The field of a switch, which is also the key of its setting.
fn field_of(rule: &str) -> String {
    format!("dialect.{rule}")
}

/// Makes the endpoint one for another identity provider; what was noticed so far spoke about the old settings.
pub(crate) async fn change_idp(operator: Operator, slug: web::Path<String>, form: Form) -> Answer {
    let summary = operator.endpoint(&slug).await?;
    let idp: Idp =
        form.text("idp").parse().map_err(|_| PageError::Bad("There is no such identity provider".into()))?;
    let slug = &summary.endpoint.slug;
    if idp == summary.endpoint.idp {
        return Ok(see(format!("/admin/endpoints/{slug}/settings")));
    }
    // What is still counted in memory belongs to the past, too.
    operator.store().flush_usage().await?;
    let (id, actor, now) = (summary.endpoint.id.clone(), operator.actor(), operator.now());
    let change = Change { idp: Some(idp), ..Change::default() };
    operator.write(move |tx| endpoints::update(tx, &id, &change, &Expected::Anything, &actor, now)).await?;
    Ok(see(format!("/admin/endpoints/{slug}/connect?done=idp-changed")))
}

/// Gives the endpoint another name and address; the old address keeps working.
pub(crate) async fn rename(operator: Operator, slug: web::Path<String>, form: Form) -> Answer {
    let summary = operator.endpoint(&slug).await?;
    let (id, now, name) = (summary.endpoint.id.clone(), operator.now(), form.text("name").to_owned());
    let (wanted, actor) = (name.clone(), operator.actor());
    match operator.write(move |tx| endpoints::rename(tx, &id, &wanted, &actor, now)).await {
        Ok(endpoint) => Ok(see(format!("/admin/endpoints/{}/settings?done=endpoint-renamed", endpoint.slug))),
        Err(error) => {
            let errors = Errors::one("name", told(error)?);
            let page = SettingsPage { name, ..page(&operator, &summary, errors).await? };
            html_as(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
    }
}

/// Pauses, disables, or lets it answer again.
pub(crate) async fn status(operator: Operator, slug: web::Path<String>, form: Form) -> Answer {
    let summary = operator.endpoint(&slug).await?;
    let status = [Status::Active, Status::Paused, Status::Disabled]
        .into_iter()
        .find(|status| status.as_str() == form.text("status"))
        .ok_or_else(|| PageError::Bad("There is no such state".into()))?;
    let (id, actor, now) = (summary.endpoint.id.clone(), operator.actor(), operator.now());
    operator.write(move |tx| endpoints::set_status(tx, &id, status, &actor, now)).await?;
    Ok(see(format!("/admin/endpoints/{}/settings?done={}", summary.endpoint.slug, status.as_str())))
}

/// Puts the endpoint into the bin, if its name was typed.
pub(crate) async fn delete(operator: Operator, slug: web::Path<String>, form: Form) -> Answer {
    let summary = operator.endpoint(&slug).await?;
    if form.text("confirm") != summary.endpoint.name.trim() {
        let errors = Errors::one("confirm", "that is not its name");
        return html_as(StatusCode::UNPROCESSABLE_ENTITY, &page(&operator, &summary, errors).await?);
    }
    let (id, actor, now) = (summary.endpoint.id.clone(), operator.actor(), operator.now());
    operator.write(move |tx| endpoints::delete(tx, &id, &actor, now)).await?;
    Ok(see("/admin/?done=endpoint-deleted"))
}
