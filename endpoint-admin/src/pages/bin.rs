//! The bin: endpoints that were deleted within the last 30 days, and the way back.

use askama::Template;
use endpoint_store::endpoints::{self, BIN_LIFETIME, EndpointSummary};

use crate::{
    forms::Form,
    frame::{Frame, Section},
    pages::{Answer, html, see},
    session::Operator,
    ui::{ListQuery, Num, PAGE_SIZE, Pager, When},
};

/// A line of the table.
pub(crate) struct BinRow {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) tenant: Option<String>,
    pub(crate) idp: &'static str,
    pub(crate) users: Num,
    pub(crate) groups: Num,
    pub(crate) deleted: Option<When>,
    pub(crate) gone: Option<When>,
}

impl BinRow {
    fn new(summary: EndpointSummary, now: i64) -> Self {
        let endpoint = summary.endpoint;
        Self {
            id: endpoint.id.as_str().to_owned(),
            name: endpoint.name,
            tenant: endpoint.tenant,
            idp: endpoint.idp.label(),
            users: Num::of(summary.users),
            groups: Num::of(summary.groups),
            deleted: When::maybe(endpoint.deleted_at, now),
            gone: When::maybe(endpoint.deleted_at.map(|at| at + BIN_LIFETIME), now),
        }
    }
}

#[derive(Template)]
#[template(path = "pages/bin.html")]
pub(crate) struct BinPage {
    pub(crate) frame: Frame,
    pub(crate) rows: Vec<BinRow>,
    pub(crate) list: Pager,
}

/// The page.
pub(crate) async fn show(operator: Operator) -> Answer {
    let query = ListQuery::parse(operator.query());
    let (asked, now, reach) = (query.clone(), operator.now(), operator.reach().clone());
    let (rows, total) = operator
        .read(move |conn| {
            let offset = i64::try_from(asked.offset()).unwrap_or(0);
            endpoints::list_within(conn, &reach, &asked.search, true, (offset, PAGE_SIZE as i64))
        })
        .await?;
    html(&BinPage {
        frame: operator.frame(Section::Elsewhere),
        rows: rows.into_iter().map(|row| BinRow::new(row, now)).collect(),
        list: Pager::new(query, u64::try_from(total).unwrap_or(0), "endpoint", "endpoints"),
    })
}

/// Takes an endpoint out of the bin.
pub(crate) async fn undelete(operator: Operator, form: Form) -> Answer {
    let (named, actor, now) = (form.text("endpoint").to_owned(), operator.actor(), operator.now());
    // The form names the endpoint, not the address.
    operator.check_reach(&named).await?;
    let endpoint = operator
        .write(move |tx| {
            let id = endpoints::find(tx, &named)?.id;
            endpoints::undelete(tx, &id, &actor, now)
        })
        .await?;
    Ok(see(format!("/admin/endpoints/{}/connect?done=undeleted", endpoint.slug)))
}
