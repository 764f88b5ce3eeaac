//! What can be done, as words that do not change.

macro_rules! actions {
    ($($name:ident = $word:literal),+ $(,)?) => {
        /// What was done. The words are stable: filters and other programs rely on them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[expect(missing_docs, reason = "the words say it")]
        pub enum Action { $($name),+ }

        impl Action {
            /// Every word.
            pub const WORDS: &[&str] = &[$($word),+];

            /// As kept and shown.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word),+ }
            }
        }
    };
}

actions! {
    EndpointCreate = "endpoint.create",
    EndpointUpdate = "endpoint.update",
    EndpointRename = "endpoint.rename",
    EndpointIdp = "endpoint.idp",
    EndpointSettings = "endpoint.settings",
    EndpointSchemas = "endpoint.schemas",
    EndpointActivate = "endpoint.activate",
    EndpointPause = "endpoint.pause",
    EndpointDisable = "endpoint.disable",
    EndpointDelete = "endpoint.delete",
    EndpointUndelete = "endpoint.undelete",
    EndpointPurge = "endpoint.purge",
    GroupCreate = "group.create",
    GroupRename = "group.rename",
    GroupDelete = "group.delete",
    MemberAdd = "group.add-member",
    MemberRemove = "group.remove-member",
    EndpointVerify = "endpoint.verify",
    TokenIssue = "token.issue",
    TokenUpdate = "token.update",
    TokenRevoke = "token.revoke",
    TokenRotate = "token.rotate",
    TokenCancelRotation = "token.cancel-rotation",
    TokenRetire = "token.retire",
    TokenUnretire = "token.unretire",
    TokenExpire = "token.expire",
    GuestLink = "guest-link.create",
    GuestLinkOpen = "guest-link.open",
    GuestLinkRevoke = "guest-link.revoke",
    RequestLink = "request-link.create",
    RequestLinkRevoke = "request-link.revoke",
    KeyIssue = "key.issue",
    KeyRevoke = "key.revoke",
    KeyExpire = "key.expire",
    OperatorCreate = "operator.create",
    OperatorRole = "operator.role",
    OperatorTenants = "operator.tenants",
    OperatorDisable = "operator.disable",
    OperatorEnable = "operator.enable",
    OperatorReset = "operator.reset",
    OperatorSetUp = "operator.set-up",
    OperatorPassword = "operator.password",
    OperatorEndSessions = "operator.end-sessions",
    OperatorResetPassword = "operator.reset-password",
    TargetAdd = "target.add",
    TargetChange = "target.change",
    TargetRemove = "target.remove",
    TargetImport = "target.import",
    TargetReconcile = "target.reconcile",
    TargetRetry = "target.retry",
    KeysReplace = "keys.replace",
    SecondFactorOn = "operator.second-factor-on",
    SecondFactorOff = "operator.second-factor-off",
    SecondFactorReset = "operator.second-factor-reset",
    RecoveryCodesNew = "operator.recovery-codes",
    RecoveryCode = "operator.recovery-code-used",
    WebhookAdd = "webhook.add",
    WebhookChange = "webhook.change",
    WebhookPause = "webhook.pause",
    WebhookResume = "webhook.resume",
    WebhookRotate = "webhook.rotate",
    WebhookTest = "webhook.test",
    WebhookRedeliver = "webhook.redeliver",
    WebhookRemove = "webhook.remove",
    SignIn = "operator.sign-in",
    SignInFailed = "operator.sign-in-failed",
    ConfirmFailed = "operator.confirm-failed",
}
