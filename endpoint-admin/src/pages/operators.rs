//! The people who run the platform: who there is, and what can be done about each of them.

use std::collections::HashMap;

use actix_web::{http::StatusCode, web};
use askama::Template;
use endpoint_store::{
    StoreError, Tx,
    caller::Actor,
    operators::{self, Act, Link, Operator as Account, Reach, Role, Status},
    second_factor, sessions,
};
use scim_core::fold::fold;

use super::account::SessionRow;
use crate::{
    error::PageError,
    forms::{Errors, Form},
    frame::{Frame, Section},
    pages::{Answer, Choice, html, html_as, see, told},
    session::{self, Operator},
    ui::{ListQuery, Num, Order, Pager, State, Tone, When},
};

/// A line of the list.
pub(crate) struct OperatorRow {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) role: &'static str,
    pub(crate) tenants: Option<String>,
    pub(crate) state: State,
    pub(crate) link_ends: Option<When>,
    pub(crate) signed_in: Option<When>,
    pub(crate) second_factor: bool,
    pub(crate) sessions: Num,
    pub(crate) is_me: bool,
}

/// A link that was made by this very request: the only time it is shown.
pub(crate) struct Invitation {
    link: Link,
    base: String,
    pub(crate) name: String,
    pub(crate) ends: When,
}

impl Invitation {
    fn new(operator: &Operator, account: &Account, link: Link) -> Self {
        let ends = When::new(link.expires_at, operator.now());
        let base = operator.console().own_url.as_str().to_owned();
        Self { link, base, name: account.name.clone(), ends }
    }

    /// The address, for the page.
    pub(crate) fn url(&self) -> String {
        format!("{}/setup/{}", self.base, self.link.code.reveal())
    }
}

#[derive(Template)]
#[template(path = "pages/operators.html")]
pub(crate) struct OperatorsPage {
    pub(crate) frame: Frame,
    pub(crate) invitation: Option<Invitation>,
    pub(crate) rows: Vec<OperatorRow>,
    pub(crate) list: Pager,
    pub(crate) name: String,
    pub(crate) roles: Vec<Choice>,
    pub(crate) acts: Vec<(&'static str, Vec<&'static str>)>,
    pub(crate) errors: Errors,
}

/// The word on the pages.
pub(crate) fn role_word(role: Role) -> &'static str {
    match role {
        Role::Owner => "Owner",
        Role::Admin => "Admin",
        Role::Operator => "Operator",
        Role::Auditor => "Auditor",
    }
}

/// What a role may, in words of the table of acts; that of the greatest act it has.
pub(crate) fn role_sentence(role: Role) -> String {
    let own = Act::TABLE.iter().filter(|(_, least, _)| *least == role).map(|(.., words)| *words);
    let own = own.collect::<Vec<_>>().join(", ");
    match role {
        Role::Auditor => format!("{own}, and changes nothing else"),
        _ => format!("{own}, and may all that {} may", below(role)),
    }
}

fn below(role: Role) -> &'static str {
    match role {
        Role::Owner => "an admin",
        Role::Admin => "an operator",
        Role::Operator | Role::Auditor => "an auditor",
    }
}

fn state(status: Status) -> State {
    match status {
        Status::Active => State::new("Active", "check", Tone::Ok),
        Status::Invited => State::new("No password yet", "clock", Tone::Warn),
        Status::Disabled => State::new("Disabled", "stop", Tone::Calm),
    }
}

/// The roles that whoever asks may give away.
fn roles(operator: &Operator, chosen: Role) -> Vec<Choice> {
    let given = Role::ALL.into_iter().filter(|role| operator.role().may_manage(*role));
    given
        .map(|role| Choice::new(role.as_str(), role_word(role), role_sentence(role), chosen.as_str()))
        .collect()
}

/// The list.
pub(crate) async fn list(operator: Operator) -> Answer {
    html(&page(&operator).await?)
}

async fn page(operator: &Operator) -> Result<OperatorsPage, PageError> {
    let now = operator.now();
    let (all, open, links) = operator
        .read(move |conn| {
            let open: HashMap<_, _> = sessions::counts(conn, session::LIFETIME, now)?.into_iter().collect();
            let links: HashMap<_, _> = operators::links(conn)?.into_iter().collect();
            Ok((operators::list(conn)?, open, links))
        })
        .await?;
    let row = |account: Account| OperatorRow {
        state: state(account.status()),
        role: role_word(account.role),
        tenants: account.reach.tenants().map(|tenants| tenants.join(", ")),
        link_ends: When::maybe(links.get(&account.id).copied(), now),
        signed_in: When::maybe(account.last_sign_in_at, now),
        second_factor: account.second_factor_since.is_some(),
        sessions: Num::of(open.get(&account.id).copied().unwrap_or(0)),
        is_me: account.id == operator.account().id,
        id: account.id,
        name: account.name,
    };
    let query = ListQuery::parse(operator.query());
    let text = fold(&query.search);
    let mut found: Vec<Account> = all.into_iter().filter(|one| fold(&one.name).starts_with(&text)).collect();
    if query.order == Order::Down {
        found.reverse();
    }
    Ok(OperatorsPage {
        frame: operator.frame(Section::Operators),
        invitation: None,
        list: Pager::new(query.clone(), found.len() as u64, "operator", "operators"),
        rows: query.slice(found.into_iter().map(row)),
        name: String::new(),
        roles: roles(operator, Role::Operator),
        acts: Act::TABLE.iter().map(|(act, _, words)| (*words, may(*act))).collect(),
        errors: Errors::default(),
    })
}

fn may(act: Act) -> Vec<&'static str> {
    let who = [Role::Auditor, Role::Operator, Role::Admin, Role::Owner];
    who.into_iter().filter(|role| role.may(act)).map(role_word).collect()
}

/// Makes an account and shows the link by which its owner sets a password, in the answer to the form itself.
pub(crate) async fn invite(operator: Operator, form: Form) -> Answer {
    let (name, role) = (form.text("name").to_owned(), role_of(&form)?);
    let (wanted, actor, now) = (name.clone(), operator.actor(), operator.now());
    match operator.write(move |tx| operators::invite(tx, &wanted, role, &actor, now)).await {
        Ok((account, link)) => {
            let invitation = Some(Invitation::new(&operator, &account, link));
            html(&OperatorsPage { invitation, ..page(&operator).await? })
        }
        Err(error) => {
            let errors = Errors::one("name", told(error)?);
            let page =
                OperatorsPage { name, roles: roles(&operator, role), errors, ..page(&operator).await? };
            html_as(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
    }
}

fn role_of(form: &Form) -> Result<Role, PageError> {
    form.text("role").parse().map_err(PageError::Bad)
}

#[derive(Template)]
#[template(path = "pages/operator.html")]
pub(crate) struct OperatorPage {
    pub(crate) frame: Frame,
    pub(crate) invitation: Option<Invitation>,
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) role: &'static str,
    pub(crate) sentence: String,
    pub(crate) state: State,
    pub(crate) made: When,
    pub(crate) disabled: Option<When>,
    pub(crate) invited: bool,
    pub(crate) link_ends: Option<When>,
    pub(crate) signed_in: Option<When>,
    pub(crate) second_factor: Option<When>,
    pub(crate) sessions: Vec<SessionRow>,
    /// Whether whoever looks may change anything here.
    pub(crate) may: bool,
    pub(crate) is_me: bool,
    pub(crate) roles: Vec<Choice>,
    /// The tenants that it is limited to, one a line; empty for no limit.
    pub(crate) tenants: String,
    pub(crate) is_owner: bool,
    pub(crate) refusal: Option<String>,
}

/// One of them.
pub(crate) async fn show(operator: Operator, named: web::Path<String>) -> Answer {
    html(&one(&operator, &named).await?)
}

async fn one(operator: &Operator, named: &str) -> Result<OperatorPage, PageError> {
    let (named, now) = (named.to_owned(), operator.now());
    let (account, link, open) = operator
        .read(move |conn| {
            let account = operators::find_by(conn, &named)?;
            let link = operators::links(conn)?.into_iter().find(|(id, _)| *id == account.id);
            let open = sessions::list(conn, &account, "", session::LIFETIME, now)?;
            Ok((account, link.map(|(_, ends)| ends), open))
        })
        .await?;
    Ok(OperatorPage {
        frame: operator.frame(Section::Operators),
        invitation: None,
        role: role_word(account.role),
        sentence: role_sentence(account.role),
        state: state(account.status()),
        made: When::new(account.created_at, now),
        disabled: When::maybe(account.disabled_at, now),
        invited: account.status() == Status::Invited,
        link_ends: When::maybe(link, now),
        signed_in: When::maybe(account.last_sign_in_at, now),
        second_factor: When::maybe(account.second_factor_since, now),
        sessions: open.into_iter().map(|open| SessionRow::new(open, now)).collect(),
        may: operator.role().may_manage(account.role) && operator.reach().includes(&account.reach),
        is_me: account.id == operator.account().id,
        roles: roles(operator, account.role),
        tenants: account.reach.tenants().unwrap_or_default().join("\n"),
        is_owner: account.role == Role::Owner,
        refusal: None,
        id: account.id,
        name: account.name,
    })
}

/// Does something to an account and shows its page; what is refused stands on it.
async fn act(
    operator: &Operator,
    named: &str,
    done: &str,
    act: impl Fn(&mut Tx<'_>, &str, &Actor, i64) -> Result<Account, StoreError> + Send + 'static,
) -> Answer {
    let (wanted, actor, now) = (named.to_owned(), operator.actor(), operator.now());
    match operator.write(move |tx| act(tx, &wanted, &actor, now)).await {
        // Somebody who acted on their own account may not see this page any more.
        Ok(account) => Ok(see(format!("/admin/operators/{}?done={done}", account.id))),
        Err(error) => {
            let refusal = Some(told(error)?);
            let page = OperatorPage { refusal, ..one(operator, named).await? };
            html_as(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
    }
}

/// Gives another role.
pub(crate) async fn set_role(operator: Operator, named: web::Path<String>, form: Form) -> Answer {
    let role = role_of(&form)?;
    let set = move |tx: &mut Tx<'_>, named: &str, actor: &Actor, now| {
        operators::set_role(tx, named, role, actor, now)
    };
    act(&operator, &named, "operator-role", set).await
}

/// Limits to the tenants of the form, one a line; an empty one lifts the limit.
pub(crate) async fn set_tenants(operator: Operator, named: web::Path<String>, form: Form) -> Answer {
    let lines = form.raw("tenants").lines().map(str::trim).filter(|line| !line.is_empty());
    let tenants: Vec<String> = lines.map(str::to_owned).collect();
    let set = move |tx: &mut Tx<'_>, named: &str, actor: &Actor, now| {
        operators::set_reach(tx, named, &Reach::to_tenants(&tenants)?, actor, now)
    };
    act(&operator, &named, "operator-tenants", set).await
}

/// Switches off.
pub(crate) async fn disable(operator: Operator, named: web::Path<String>) -> Answer {
    act(&operator, &named, "operator-disabled", operators::disable).await
}

/// Switches on.
pub(crate) async fn enable(operator: Operator, named: web::Path<String>) -> Answer {
    act(&operator, &named, "operator-enabled", operators::enable).await
}

/// Ends the sessions.
pub(crate) async fn sign_out(operator: Operator, named: web::Path<String>) -> Answer {
    act(&operator, &named, "operator-signed-out", operators::sign_out).await
}

/// Removes the second factor of somebody who lost it.
pub(crate) async fn reset_second_factor(operator: Operator, named: web::Path<String>) -> Answer {
    act(&operator, &named, "operator-second-factor", second_factor::reset).await
}

/// Takes the password away and shows the link by which another one is set.
pub(crate) async fn reset(operator: Operator, named: web::Path<String>) -> Answer {
    let (wanted, actor, now) = (named.clone(), operator.actor(), operator.now());
    match operator.write(move |tx| operators::reset_by_link(tx, &wanted, &actor, now)).await {
        Ok((account, link)) => {
            let invitation = Some(Invitation::new(&operator, &account, link));
            html(&OperatorPage { invitation, ..one(&operator, &named).await? })
        }
        Err(error) => {
            let refusal = Some(told(error)?);
            let page = OperatorPage { refusal, ..one(&operator, &named).await? };
            html_as(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
    }
}
