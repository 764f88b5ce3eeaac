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
    TokenIssue = "token.issue",
    TokenRevoke = "token.revoke",
    TokenRotate = "token.rotate",
    TokenCancelRotation = "token.cancel-rotation",
    TokenRetire = "token.retire",
    TokenUnretire = "token.unretire",
    TokenExpire = "token.expire",
    KeyIssue = "key.issue",
    KeyRevoke = "key.revoke",
    KeyExpire = "key.expire",
    OperatorCreate = "operator.create",
    OperatorDisable = "operator.disable",
    OperatorResetPassword = "operator.reset-password",
    TargetAdd = "target.add",
    TargetRemove = "target.remove",
    TargetImport = "target.import",
    TargetReconcile = "target.reconcile",
    TargetRetry = "target.retry",
    KeysReplace = "keys.replace",
    SignIn = "operator.sign-in",
    SignInFailed = "operator.sign-in-failed",
}
