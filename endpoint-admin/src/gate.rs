//! What every request passes before its handler: one place for all of it, driven by the route table.

use actix_web::{
    Error, FromRequest, HttpMessage, HttpRequest,
    body::{BoxBody, MessageBody},
    dev::{Payload, ServiceRequest, ServiceResponse},
    http::{Method, header::CONTENT_TYPE},
    middleware::Next,
    web::Bytes,
};
use endpoint_store::operators::{Act, Role};

use crate::{
    confirm::{self, Verdict},
    console::Console,
    csrf,
    error::PageError,
    forms::Form,
    guest::Guest,
    routes::{Access, Route},
    session::{Operator, console_of},
};

/// How long a form may take to arrive.
const FORM_PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

/// What one line of the table asks of a request.
#[derive(Clone, Copy)]
pub(crate) struct Rules {
    access: Access,
    act: Option<Act>,
    sensitive: bool,
    limit: usize,
}

impl Rules {
    /// Those of this line.
    pub(crate) fn of(route: &Route) -> Self {
        let act = route.access.act(route.method);
        Self { access: route.access, act, sensitive: route.sensitive, limit: route.limit() }
    }
}

/// Lets a request through to its handler, or says why not.
pub(crate) async fn pass<B: MessageBody + 'static>(
    rules: Rules,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let (request, mut payload) = request.into_parts();
    match admit(rules, &request, &mut payload).await {
        Ok(Verdict::Pass) => {
            let answer = next.call(ServiceRequest::from_parts(request, payload)).await?;
            Ok(answer.map_into_boxed_body())
        }
        Ok(Verdict::Ask(page)) => Ok(ServiceResponse::new(request, page)),
        // As an answer, not as an error: the layer that writes its page needs the request.
        Err(refusal) => Ok(ServiceResponse::from_err(refusal, request)),
    }
}

async fn admit(rules: Rules, request: &HttpRequest, payload: &mut Payload) -> Result<Verdict, PageError> {
    let console = console_of(request)?;
    let writes = request.method() == Method::POST;
    if writes && !csrf::same_origin(request.headers(), &console.public_url) {
        return Err(PageError::Forged);
    }
    if rules.access == Access::Guest {
        return admit_guest(&console, rules, request, payload).await;
    }
    let operator = match rules.act {
        None => None,
        Some(_) => {
            let found = Operator::find(&console, request, rules.access != Access::Poll).await?;
            Some(found.ok_or_else(|| signed_out(request, writes))?)
        }
    };
    if let Some(operator) = operator.clone() {
        // Before anything else is looked at: the page of a refusal shows who asks.
        request.extensions_mut().insert(operator);
    }
    if let (Some(operator), Some(slug)) = (&operator, request.match_info().get("slug")) {
        operator.check_reach(slug).await?;
    }
    let mut verdict = Verdict::Pass;
    if writes {
        let mut form = read(request, payload, rules.limit).await?;
        if let Some(operator) = &operator
            && !csrf::token_matches(form.raw("csrf"), operator.csrf())
        {
            return Err(PageError::Forged);
        }
        check_role(rules.act, operator.as_ref().map(Operator::role))?;
        if let Some(operator) = operator.as_ref().filter(|_| rules.sensitive) {
            verdict = confirm::check(&console, operator, request, &mut form).await?;
        }
        request.extensions_mut().insert(form);
    } else {
        check_role(rules.act, operator.as_ref().map(Operator::role))?;
    }
    Ok(verdict)
}

/// Lets a guest through, whose session reaches the pages of guests and no others.
async fn admit_guest(
    console: &Console,
    rules: Rules,
    request: &HttpRequest,
    payload: &mut Payload,
) -> Result<Verdict, PageError> {
    let guest = Guest::find(console, request).await?;
    if request.method() == Method::POST {
        let form = read(request, payload, rules.limit).await?;
        if !csrf::token_matches(form.raw("csrf"), &guest.inner.csrf) {
            return Err(PageError::Forged);
        }
        request.extensions_mut().insert(form);
    }
    request.extensions_mut().insert(guest);
    Ok(Verdict::Pass)
}

/// Whether the role may do that, as the table of acts says.
fn check_role(act: Option<Act>, role: Option<Role>) -> Result<(), PageError> {
    let (Some(act), Some(role)) = (act, role) else { return Ok(()) };
    if role.may(act) {
        return Ok(());
    }
    Err(PageError::Forbidden(format!(
        "this needs the role {}; yours is {}. Nothing was changed",
        act.least().as_str(),
        role.as_str()
    )))
}

fn signed_out(request: &HttpRequest, writes: bool) -> PageError {
    let here = request.uri().path_and_query().map(|path| path.as_str().to_owned());
    PageError::SignIn { next: if writes { None } else { Some(here.unwrap_or_default()) } }
}

async fn read(request: &HttpRequest, payload: &mut Payload, limit: usize) -> Result<Form, PageError> {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("");
    let kind = kind.split(';').next().unwrap_or("").trim();
    if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(PageError::Bad("A form is sent as application/x-www-form-urlencoded".into()));
    }
    // The same limit stands in the resource's PayloadConfig, which stops reading there.
    let arriving = tokio::time::timeout(FORM_PATIENCE, Bytes::from_request(request, payload));
    let arrived = arriving.await.map_err(|_| PageError::Bad("The form did not arrive in time".into()))?;
    let body = arrived.map_err(|error| match error.as_response_error().status_code().as_u16() {
        413 => PageError::TooLarge { limit },
        _ => PageError::Bad("The form did not arrive whole".into()),
    })?;
    Ok(Form::parse(&body))
}
