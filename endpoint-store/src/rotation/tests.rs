//! States, silence and second thoughts, by a clock of weeks.

use super::*;
use crate::tokens::Scope;
use crate::usage::Seen;

/// A token issued at 0, which expires at 100 days and was rotated at 10 days with a quiet time of a day.
fn token(used: Option<Millis>, rotation: Option<Rotation>) -> TokenRecord {
    let seen = |at| Seen { at, address: String::new(), agent: String::new(), request: String::new() };
    TokenRecord {
        id: "old".into(),
        label: "Old".into(),
        scope: Scope::Write,
        created_at: 0,
        created_by: String::new(),
        expires_at: Some(100 * DAY),
        revoked_at: None,
        revoked_by: None,
        requests: 7,
        kind: Default::default(),
        networks: Default::default(),
        first_used: used.map(seen),
        last_used: used.map(seen),
        hours: Vec::new(),
        tries: None,
        rotation,
    }
}

fn rotation(retire_at: Option<Millis>, retired_at: Option<Millis>) -> Option<Rotation> {
    Some(Rotation {
        token_id: "old".into(),
        endpoint_id: "e".into(),
        successor: "new".into(),
        began_at: 10 * DAY,
        began_by: String::new(),
        quiet_for: DAY,
        retire_at,
        requests_before: 5,
        retired_at,
        retired_by: None,
    })
}

#[test]
fn states_by_what_happened_and_by_the_clock() {
    use TokenState::{Active, Expired, New, Retired, Retiring, Revoked};
    let revoked = TokenRecord { revoked_at: Some(12 * DAY), ..token(None, rotation(None, Some(11 * DAY))) };
    let table = [
        ("never used", token(None, None), DAY, New),
        ("used", token(Some(DAY), None), DAY, Active),
        ("past its date", token(Some(DAY), None), 100 * DAY, Expired),
        ("being replaced", token(Some(DAY), rotation(None, None)), 10 * DAY, Retiring),
        ("being replaced for weeks", token(None, rotation(None, None)), 90 * DAY, Retiring),
        ("before its final date", token(None, rotation(Some(20 * DAY), None)), 20 * DAY - 1, Retiring),
        ("on its final date", token(None, rotation(Some(20 * DAY), None)), 20 * DAY, Retired),
        ("retired", token(None, rotation(None, Some(11 * DAY))), 11 * DAY, Retired),
        ("retired, long ago", token(None, rotation(None, Some(11 * DAY))), 200 * DAY, Retired),
        ("expired while it retires", token(None, rotation(None, None)), 100 * DAY, Expired),
        ("revoked after it retired", revoked, 13 * DAY, Revoked),
    ];
    for (name, token, now, state) in table {
        assert_eq!(token.state(now), state, "{name}");
        let live = matches!(state, New | Active | Retiring);
        assert_eq!(state.is_live(), live, "{name}");
    }
}

#[test]
fn it_is_due_when_it_was_silent_for_long_enough_and_somebody_listened() {
    let due = |used, retire_at, up_since, now| token(used, rotation(retire_at, None)).due(up_since, now);
    // Silence counts from the later of its last use and the begin, and is believed once it is on record.
    assert_eq!(due(None, None, 0, 11 * DAY), None);
    assert_eq!(due(None, None, 0, 11 * DAY + LAG), Some(11 * DAY + LAG));
    assert_eq!(due(Some(DAY), None, 0, 11 * DAY + LAG), Some(11 * DAY + LAG));
    assert_eq!(due(Some(15 * DAY), None, 0, 16 * DAY + LAG - 1), None);
    assert_eq!(due(Some(15 * DAY), None, 0, 16 * DAY + LAG), Some(16 * DAY + LAG));
    // While no server was up, nobody could call: they get an hour to come again.
    assert_eq!(due(Some(15 * DAY), None, 30 * DAY, 30 * DAY + HOUR - 1), None);
    assert!(due(Some(15 * DAY), None, 30 * DAY, 30 * DAY + HOUR).is_some());
    // The final date holds although it is in use, and although nobody was there to see it.
    assert_eq!(due(Some(20 * DAY), Some(20 * DAY), 0, 20 * DAY), Some(20 * DAY));
    assert_eq!(due(Some(20 * DAY), Some(20 * DAY), 40 * DAY, 40 * DAY), Some(20 * DAY));
    // Nothing is written twice, and nothing of a token that is dead anyway.
    assert_eq!(token(None, rotation(None, Some(11 * DAY))).due(0, 50 * DAY), None);
    assert_eq!(due(None, None, 0, 100 * DAY), None);
    assert_eq!(token(None, None).due(0, 50 * DAY), None);
}

#[test]
fn it_can_be_taken_back_for_a_day() {
    let retired = token(None, rotation(None, Some(11 * DAY)));
    assert_eq!(retired.undo_until(12 * DAY - 1), Some(12 * DAY));
    assert_eq!(retired.undo_until(12 * DAY), None);
    let expired = token(None, rotation(None, Some(100 * DAY - 1)));
    assert_eq!(expired.undo_until(100 * DAY), None);
    assert_eq!(token(None, rotation(None, None)).undo_until(11 * DAY), None);
}

#[test]
fn it_stays_open_when_nothing_took_its_place() {
    let (begun, now) = (10 * DAY, 50 * DAY);
    let old = token(None, rotation(None, None));
    let new = TokenRecord { id: "new".into(), created_at: begun, ..token(None, None) };
    let revoked = TokenRecord { revoked_at: Some(now), ..new.clone() };
    let expired = TokenRecord { expires_at: Some(now), ..new.clone() };
    let silent = |new: &TokenRecord| silent(&[old.clone(), new.clone()], 0, now).len();
    assert_eq!((silent(&new), silent(&revoked), silent(&expired)), (1, 0, 0));
    // Its final date is a promise.
    let old = token(None, rotation(Some(20 * DAY), None));
    assert_eq!(super::silent(&[old, revoked], 0, now), [("old".to_owned(), 20 * DAY)]);
}
