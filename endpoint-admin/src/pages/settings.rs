//! An endpoint's policies as sentences, its name, whether it answers, and its end.

use actix_web::{http::StatusCode, web};
use askama::Template;
use endpoint_store::{
    endpoints::{self, EndpointSummary, Status},
    settings::{DeletePolicy, GroupPatchAnswer, Rate, Settings},
    tokens,
};

use super::new_endpoint::delete_policies;
use crate::{
    error::PageError,
    forms::{Errors, Form},
    frame::{Frame, Head, Tab},
    pages::{Answer, Choice, html, html_as, see, told},
    session::Operator,
    ui::Num,
};

/// One setting.
pub(crate) struct Setting {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) hint: String,
    pub(crate) choices: Vec<Choice>,
}

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
    pub(crate) per_second: String,
    pub(crate) name: String,
    pub(crate) traffic: Traffic,
    pub(crate) stake: String,
    pub(crate) errors: Errors,
}

/// The page.
pub(crate) async fn show(operator: Operator, slug: web::Path<String>) -> Answer {
    let summary = operator.endpoint(&slug).await?;
    html(&page(&operator, &summary, Errors::default()).await?)
}

async fn page(
    operator: &Operator,
    summary: &EndpointSummary,
    errors: Errors,
) -> Result<SettingsPage, PageError> {
    let (id, now) = (summary.endpoint.id.clone(), operator.now());
    let tokens = operator.read(move |conn| tokens::list(conn, &id)).await?;
    let live = tokens.iter().filter(|token| token.state(now).is_live()).count();
    let (frame, head) = operator.desk(summary, Tab::Settings);
    let endpoint = &summary.endpoint;
    Ok(SettingsPage {
        base: operator.public_url().as_str().to_owned(),
        groups: groups(&endpoint.settings, head.idp),
        per_second: match endpoint.settings.rate {
            Rate::PerSecond(number) => number.to_string(),
            _ => String::new(),
        },
        name: endpoint.name.clone(),
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

fn groups(settings: &Settings, idp: &str) -> Vec<Setting> {
    let policy = match settings.delete {
        DeletePolicy::Remove => "remove",
        DeletePolicy::Deactivate => "deactivate",
    };
    let answer = match settings.group_patch {
        GroupPatchAnswer::NoContent => "204",
        GroupPatchAnswer::Body => "200",
    };
    let rate = match settings.rate {
        Rate::Default => "default",
        Rate::Unlimited => "unlimited",
        Rate::PerSecond(_) => "own",
    };
    vec![
        Setting {
            name: "delete",
            title: "When a user is deleted",
            hint: format!("{idp} sends DELETE /Users/…"),
            choices: delete_policies(policy),
        },
        Setting {
            name: "group-patch",
            title: "When a group is changed",
            hint: format!("{idp} sends PATCH /Groups/…"),
            choices: vec![
                Choice::new("204", "Answer that it is done, without the group", "204 No Content. What most providers expect, and fast for groups of any size.", answer),
                Choice::new("200", "Answer with the whole group", "200 with a body. For clients that read the group out of the answer.", answer),
            ],
        },
        Setting {
            name: "rate",
            title: "How fast it may send",
            hint: "Over the limit a call gets 429 and is asked to come back.".to_owned(),
            choices: vec![
                Choice::new("default", "As fast as the server allows by default", "The limit is in the server's configuration.", rate),
                Choice::new("own", "Its own limit", "Four times as many are let through in a burst.", rate),
                Choice::new("unlimited", "No limit", "One busy endpoint can then slow the others down.", rate),
            ],
        },
    ]
}

fn traffic(status: Status) -> Traffic {
    let active = Choice::new("active", if status == Status::Paused { "Resume" } else { "Enable" }, "Answer again.", "");
    let pause = Choice::new("paused", "Pause", "503: the identity provider keeps its changes and sends them again later.", "");
    let disable = Choice::new("disabled", "Disable", "403: the identity provider stops and reports an error.", "");
    let (now, ways) = match status {
        Status::Active => ("It answers.", vec![pause, disable]),
        Status::Paused => ("It is paused.", vec![active, disable]),
        Status::Disabled => ("It is disabled.", vec![active, pause]),
    };
    Traffic { now, ways }
}

/// Saves the policies.
pub(crate) async fn save(operator: Operator, slug: web::Path<String>, form: Form) -> Answer {
    let summary = operator.endpoint(&slug).await?;
    let mut settings = summary.endpoint.settings.clone();
    let rate = if form.text("rate") == "own" { form.text("per_second") } else { form.text("rate") };
    let wishes = [("delete", form.text("delete"), "delete"), ("group-patch", form.text("group-patch"), "group-patch"), ("rate", rate, "per_second")];
    let mut errors = Errors::default();
    for (key, value, field) in wishes {
        if !value.is_empty()
            && let Err(error) = settings.set(key, value)
        {
            errors.add(field, told(error)?);
        }
    }
    if form.text("rate") == "own" && rate.is_empty() {
        errors.add("per_second", "say how many requests per second");
    }
    if !errors.is_empty() {
        let mut page = page(&operator, &summary, errors).await?;
        page.per_second = form.text("per_second").to_owned();
        let sent = |name: &str| form.text(name).to_owned();
        for group in &mut page.groups {
            let chosen = sent(group.name);
            group.choices.iter_mut().for_each(|choice| choice.chosen = choice.value == chosen);
        }
        return html_as(StatusCode::UNPROCESSABLE_ENTITY, &page);
    }
    let (id, now) = (summary.endpoint.id.clone(), operator.now());
    operator.write(move |tx| endpoints::set_settings(tx, &id, &settings, now)).await?;
    Ok(see(format!("/admin/endpoints/{}/settings?done=saved", summary.endpoint.slug)))
}

/// Gives the endpoint another name and address; the old address keeps working.
pub(crate) async fn rename(operator: Operator, slug: web::Path<String>, form: Form) -> Answer {
    let summary = operator.endpoint(&slug).await?;
    let (id, now, name) = (summary.endpoint.id.clone(), operator.now(), form.text("name").to_owned());
    let wanted = name.clone();
    match operator.write(move |tx| endpoints::rename(tx, &id, &wanted, now)).await {
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
    let (id, now) = (summary.endpoint.id.clone(), operator.now());
    operator.write(move |tx| endpoints::set_status(tx, &id, status, now)).await?;
    Ok(see(format!("/admin/endpoints/{}/settings?done={}", summary.endpoint.slug, status.as_str())))
}

/// Puts the endpoint into the bin, if its name was typed.
pub(crate) async fn delete(operator: Operator, slug: web::Path<String>, form: Form) -> Answer {
    let summary = operator.endpoint(&slug).await?;
    if form.text("confirm") != summary.endpoint.name.trim() {
        let errors = Errors::one("confirm", "that is not its name");
        return html_as(StatusCode::UNPROCESSABLE_ENTITY, &page(&operator, &summary, errors).await?);
    }
    let (id, now) = (summary.endpoint.id.clone(), operator.now());
    operator.write(move |tx| endpoints::set_deleted(tx, &id, Some(now))).await?;
    Ok(see("/admin/?done=endpoint-deleted"))
}
