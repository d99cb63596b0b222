//! Every text of the console, in each language. A text that lacks one does not compile.

use crate::console::language::lang::Lang;

macro_rules! texts {
    ($($name:ident: $en:literal, $zh:literal;)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Text { $($name,)* }

        impl Text {
            pub const fn of(self, lang: Lang) -> &'static str {
                match self {
                    $(Self::$name => match lang {
                        Lang::En => $en,
                        Lang::Zh => $zh,
                    },)*
                }
            }

            #[cfg(test)]
            const ALL: &[Self] = &[$(Self::$name,)*];
        }
    };
}

/// A text, however often a template borrows it.
pub trait Say {
    fn text(&self) -> Text;
}

impl Say for Text {
    fn text(&self) -> Text {
        *self
    }
}

impl<T: Say> Say for &T {
    fn text(&self) -> Text {
        (**self).text()
    }
}

// `{}` is a place for a number or a name.
texts! {
    // Around every page.
    Console: "Refund console", "退款控制台";
    SkipToContent: "Skip to content", "跳到正文";
    Navigation: "Pages", "页面";
    LogOut: "Log out", "退出";
    LoggedInAs: "Logged in as {}", "当前用户：{}";
    Keys: "Keys", "快捷键";
    KeySearch: "search", "搜索";
    KeyHelp: "this list", "此列表";
    KeyRefunds: "refunds", "退款";
    KeyRequests: "requests", "请求";
    KeyAttention: "what needs a person", "需要人工处理";
    KeyRows: "next and previous row", "下一行与上一行";
    KeyOpen: "open the row", "打开该行";
    KeyCopy: "copy the number", "复制号码";
    KeyUp: "back to the list", "返回列表";
    KeyLive: "live update on and off", "开关实时更新";
    Close: "Close", "关闭";
    Copied: "Copied", "已复制";
    Live: "Live update is on", "实时更新已开启";
    TimesAreIn: "Times are in {}", "时间按 {} 显示";

    // Pages.
    Start: "Start", "首页";
    Refunds: "Refunds", "退款";
    Requests: "Requests", "请求";
    Callbacks: "Callbacks", "回调";
    Rejected: "Rejected", "被拒请求";
    Accounts: "Accounts", "账户";
    Orders: "Orders", "订单";
    Feed: "Feed", "事件流";
    Push: "Push", "推送";
    Reconcile: "Settlement", "对账";
    Health: "Health", "健康";
    Audit: "Acts", "操作记录";
    SandboxTitle: "Sandbox", "沙箱";

    // Login.
    LogIn: "Log in", "登录";
    TokenOfReader: "Token of a reader", "读者令牌（token）";
    LogInAdvice: "A reader of the config with the scope console:read. The token is not stored in the browser.", "配置中具有 console:read 权限的读者。令牌不会保存在浏览器中。";
    LogInFailed: "No reader with the scope console:read has this token, or it has expired.", "没有具有 console:read 权限的读者使用该令牌，或令牌已过期。";
    LogInThrottled: "Too many failed logins from your address. Try again in {} s.", "来自您地址的失败登录过多，请在 {} 秒后重试。";
    LogOutTitle: "Log out?", "要退出吗？";
    LogOutHere: "Log out here", "仅退出此处";
    LogOutEverywhere: "Log out everywhere", "退出所有登录";
    OneMoment: "One moment …", "请稍候……";
    Continue: "Continue", "继续";

    // What goes wrong.
    NoSuchPage: "There is no such page", "没有此页面";
    NoSuchPageAdvice: "The address is wrong, or what it names is not stored here.", "地址有误，或其所指内容不在此处。";
    NotAllowed: "Your token does not allow this", "您的令牌无此权限";
    NotAllowedAdvice: "The reader of your token needs this scope in the config:", "您令牌对应的读者需要在配置中具有此权限：";
    FormNotTaken: "The form was not taken", "表单未被接受";
    ForeignFormAdvice: "It did not come from a page of this console. Open the console by its own address and try again; behind a proxy set console.external_url.", "该表单并非来自本控制台的页面。请用控制台自身的地址打开后重试；若前面有代理，请设置 console.external_url。";
    StaleFormAdvice: "Your session has ended, or another login has taken its place. Nothing was changed. Log in and fill in the form again.", "会话已结束或被另一次登录取代。没有任何更改。请登录后重新填写。";
    CannotRead: "The request cannot be read", "无法读取该请求";
    TooLargeAdvice: "Nothing was changed. It is more than the console works on; `refund-receiver reconcile` has no such limit:", "没有任何更改。超出控制台的处理范围；命令 `refund-receiver reconcile` 没有此限制：";
    CannotReadAdvice: "Nothing was changed. This is wrong:", "没有任何更改。问题如下：";
    NotDone: "It was not done", "操作未执行";
    NotDoneAdvice: "Nothing was changed, because the state does not allow it:", "当前状态不允许，没有任何更改：";
    TryAgain: "The service cannot answer at the moment", "服务暂时无法响应";
    TryAgainAdvice: "Try again in a few seconds. The page of health and the log say more.", "请几秒后重试。健康页面和日志中有更多信息。";
    RateLimited: "Your token asks too often", "您的令牌请求过于频繁";
    RateLimitedAdvice: "The config limits how often this reader may ask, here and by the API. Nothing was changed. Try again in", "配置限制了该读者的请求频率（控制台与 API 合计）。没有任何更改。请在此时间后重试：";
    BackToStart: "Back to the start page", "返回首页";

    // Start page.
    NeedsPerson: "Needs a person", "需要人工处理";
    NothingNeedsPerson: "Nothing needs a person.", "没有需要人工处理的事项。";
    OldestFirst: "Oldest first", "最早的在前";
    AllOfThem: "all {}", "全部 {}";
    OpenRequests: "Open requests", "进行中的请求";
    NoRequests: "No request is in this state.", "没有处于此状态的请求。";
    OldestIs: "oldest {}", "最早 {}";
    Service: "The service", "服务";
    LastCallback: "Last callback", "最近回调";
    NotApplied: "Not applied yet", "尚未生效";
    FeedHead: "Last event", "最新事件";
    Version: "Version", "版本";
    StoppedAccounts: "Stopped accounts", "已停止的账户";
    StoppedAccountsAdvice: "Nothing is sent for them. The account’s page says why; mend it, then resume.", "不再为其发送。账户页面说明了原因；修复后请恢复。";
    ParkedCloseOuts: "Parked close-outs", "搁置的结单";
    ParkedCloseOutsAdvice: "The order side of a refund could not be finished. Correct the order and try it again, or answer its question: then nothing is closed.", "退款的订单侧未能完成。请更正订单后重试，或裁定其问题：则不再结单。";
    DisabledEndpoints: "Endpoints that take nothing", "停用的推送端点";
    DisabledEndpointsAdvice: "Readers behind them are not told of anything new. Recover the endpoint.", "其后的读者收不到新事件。请恢复该端点。";
    RejectedSignatures: "Rejected signatures in 24 h", "24 小时内被拒的签名";
    RejectedSignaturesAdvice: "A key, a path or a proxy is wrong somewhere. Each has a diagnosis; once it is cleared up, mark it as reviewed.", "可能是密钥、路径或代理有误。每条均有诊断；处理后请标记为已查看。";
    Never: "never", "从未";
    None: "none", "无";

    // Refunds.
    Search: "Search", "搜索";
    SearchHint: "Refund, order or provider number, rf_… or cb_…", "退款号、订单号、渠道号、rf_… 或 cb_…";
    Filter: "Filter", "筛选";
    Any: "any", "不限";
    Stopped: "stopped", "已停止";
    Sandbox: "sandbox", "沙箱";
    ByService: "by the service itself", "由服务自身停止";
    ClockSkew: "The provider’s clock is {} ms ahead of ours", "渠道时钟比本机快 {} 毫秒";
    ValidUntil: "Valid until", "有效期至";
    LastUsed: "Last used", "最近使用";
    NotSinceStart: "not since the start", "启动以来未使用";
    Clear: "Clear", "清除";
    RefundNo: "Refund no.", "退款号";
    OrderNo: "Order no.", "订单号";
    ProviderNo: "Provider no.", "渠道退款号";
    Account: "Account", "账户";
    Status: "Status", "状态";
    Amount: "Amount", "金额";
    Currency: "Currency", "币种";
    AmountFrom: "Amount from", "金额不低于";
    AmountTo: "up to", "不高于";
    Updated: "Updated", "更新时间";
    Received: "Received", "接收时间";
    Question: "Question", "问题";
    AnyQuestion: "any question", "任一问题";
    NoQuestion: "no question", "无问题";
    ChangedSince: "Changed since", "更新于此后";
    Older: "Older", "更早";
    Newest: "Newest", "最新";
    DownloadCsv: "CSV", "CSV";
    NoRefunds: "No refund is like that.", "没有符合条件的退款。";
    SearchedFor: "Found for “{}”", "“{}”的搜索结果";
    ShortPage: "Many refunds were looked at and few fit; older ones may.", "已检查大量退款，符合的较少；更早的退款中可能还有。";

    // One refund.
    Refund: "Refund", "退款";
    Request: "Request", "请求";
    Timeline: "Timeline", "时间线";
    AtProvider: "At the provider", "渠道侧";
    InPortal: "its page in the portal", "在渠道后台查看";
    ProviderStatus: "Provider’s word", "渠道状态";
    Failure: "Failure", "失败原因";
    FinishedAt: "Finished", "完成时间";
    RequestedBy: "Requested by", "请求方";
    Reason: "Reason", "原因";
    Attempts: "Sends", "发送次数";
    NextAt: "Next try", "下次尝试";
    LastReply: "Last reply", "最近应答";
    Since: "since", "自";
    Members: "members", "字段";
    IntentStored: "Requested", "提出退款请求";
    Sent: "Sent to the provider", "已发送给渠道";
    Asked: "Asked the provider", "向渠道查询";
    CallbackCame: "Callback", "收到回调";
    ReplyStored: "Reply taken as a fact", "应答作为事实入库";
    EventMade: "Event", "事件";
    NoReply: "no reply", "无应答";
    StillOpen: "open", "进行中";
    Deliveries: "delivered {} times", "投递 {} 次";
    ReplyOf: "Reply", "应答";
    SentBytes: "Request", "请求内容";
    Headers: "Headers", "头部";
    Body: "Body", "正文";
    Truncated: "There is more of one kind than is shown.", "某一类记录多于所示。";
    RawNeedsScope: "Exact bytes need the scope callbacks:read.", "查看原始内容需要 callbacks:read 权限。";
    CloseOut: "Close-out", "结单";

    // Acts.
    DoNothing: "Do nothing", "不操作";
    ReasonAdvice: "Kept with your name and the time: what you know and where from.", "将与您的姓名和时间一并保存：您知道什么、来源何处。";
    AskNow: "Ask the provider now", "立即向渠道查询";
    AskNowWhat: "The provider is asked for the outcome at once, instead of by the timetable. No money moves by it.", "立即向渠道查询结果，而不等时间表。不会因此产生资金变动。";
    AskedNow: "The provider is being asked.", "正在向渠道查询。";
    CancelRequest: "Cancel the request", "取消请求";
    CancelRequestWhat: "The refund is withdrawn. This works only while nothing was sent to the provider.", "撤回退款。仅在尚未发送给渠道时有效。";
    Canceled: "The request is canceled.", "请求已取消。";
    Resend: "Send the same number again", "以相同号码重发";
    ResendWhat: "The provider gets the same refund number again. It refunds a number once; if it never took the first, money moves now.", "渠道会再次收到相同的退款号。同一号码只退一次；若之前未受理，现在将退款。";
    Resent: "It is sent again.", "已重新发送。";
    ForEachOfThem: "For each of them:", "对以上每一笔：";
    Outcome: "Outcome", "结果";
    AllAtOnce: "{}: all of these", "{}：以上全部";
    AddNote: "Add a note", "添加备注";
    AddNoteWhat: "It is kept with your name and the time, here and among the acts, and changes nothing else. Write it as the reason.", "备注连同您的姓名与时间保存在此处及操作记录中，不改变任何其他内容。请写在原因栏。";
    Noted: "The note is kept.", "备注已保存。";
    Note: "Note", "备注";
    Stop: "Stop the account", "停止账户";
    StopWhat: "Nothing more is sent for this account. Open refunds are still asked about, and callbacks are accepted.", "不再为此账户发送退款。未决退款仍会查询，回调照常接收。";
    AccountStopped: "The account is stopped.", "账户已停止。";
    Resume: "Let it send again", "恢复发送";
    ResumeWhat: "Refunds that wait for this account are sent at once.", "等待此账户的退款将立即发送。";
    AccountResumed: "The account sends again.", "账户已恢复发送。";
    Recover: "Recover the endpoint", "恢复端点";
    RecoverWhat: "The endpoint is enabled, and everything that it did not take is pushed at once.", "启用该端点，并立即推送所有未接收的事件。";
    EndpointRecovered: "The endpoint is enabled; what it did not take is pushed.", "端点已启用，正在推送未接收的事件。";
    Revoke: "End all sessions", "结束所有会话";
    RevokeWhat: "Everyone who is logged in under this name is logged out at once, on every instance. The token stays valid: remove the reader from the config to end it.", "以此名称登录的所有会话立即在所有实例上退出。令牌仍然有效：要使其失效请从配置中移除该读者。";
    RevokeOf: "Log out all sessions of", "退出此用户的所有会话";
    SessionsRevoked: "The sessions have ended.", "会话已结束。";
    Decide: "Decide", "裁定";
    DecideWhat: "It is kept for ever with your name and reason, readers are told, and it can only be answered by another decision. Above the amount of the config another person has to agree.", "裁定连同您的姓名与原因永久保存，并通知读者；只能以另一项裁定更正。超过配置金额时需另一人同意。";
    Decided: "It is decided.", "已裁定。";
    DecisionWaits: "It waits for a second person.", "等待第二人确认。";
    WaitsForSecond: "{} decided; another person has to agree", "{} 已裁定，需另一人同意";
    Approve: "Agree", "同意";
    ApproveWhat: "The decision takes effect at once, with your name as the second person.", "裁定立即生效，您作为第二人记录在案。";
    Reject: "Do not agree", "不同意";
    RejectWhat: "The decision is dropped; the question stays open.", "裁定作废，问题仍未解决。";
    DecisionRejected: "The decision is dropped.", "裁定已作废。";
    TryCloseOut: "Try the close-out again", "重试结单";
    TryCloseOutWhat: "The order side of the refund is tried again at once. No money moves by it.", "立即重试退款的订单侧处理，不产生资金变动。";
    CloseOutTried: "The close-out was tried; its state is below.", "已重试结单，状态见下。";
    MarkReviewed: "Reviewed", "已查看";
    ReviewedWhat: "This rejected signature and all before it leave the start page. Nothing is deleted, and the list keeps them. Say what was wrong and what was done.", "此条及之前所有被拒签名将从首页移除。不会删除任何内容，列表中仍保留。请说明问题所在及处理方式。";
    Reviewed: "It is noted that they were reviewed.", "已记录为已查看。";
    ActDone: "Act", "操作";
    About: "About", "对象";
    NewRefund: "New refund", "新建退款";
    NewRefundWhat: "It is stored first, then sent to the provider by itself. Sent twice, this form makes one refund.", "先入库，随后自动发送给渠道。重复提交此表单只产生一笔退款。";
    WillBeRefunded: "{} will be refunded", "将退款 {}";
    RefundNoOrMade: "Refund no. (empty: one is made)", "退款号（留空则自动生成）";
    ProviderPaymentNo: "Provider’s payment no.", "渠道支付号";
    OrderAmount: "Paid for the order", "订单支付金额";
    AmountAvailable: "Still refundable, as you believe", "您认为的可退余额";
    Review: "Review", "核对";
    RefundIt: "Refund it", "确认退款";
    ChangeIt: "Change it", "修改";
    RequestStored: "The refund is stored and will be sent.", "退款已入库，将发送给渠道。";

    // Lists.
    NoCallbacks: "No callback has come yet.", "尚未收到回调。";
    DeliveredTimes: "Delivered", "投递次数";
    RejectedAdvice: "Requests that were not accepted, the newest first. Each page says what would have to differ for it to verify.", "未被接受的请求，最新的在前。每页说明怎样才能通过验证。";
    NothingRejected: "Nothing like that was rejected.", "没有符合条件的被拒请求。";
    PathBegins: "Path begins with", "路径开头";
    Path: "Path", "路径";
    Size: "Bytes", "字节";
    Diagnosis: "Diagnosis", "诊断";
    OrIf: "or if", "或者";
    Peer: "Peer", "来源地址";
    OpenCloseOuts: "Close-outs that are not done", "未完成的结单";
    ClosedByCloseOut: "closed by a refund", "由退款关闭";
    Payments: "Payments", "付款";
    Applications: "Refund applications", "退款申请";
    NoOrder: "No order has this number.", "没有此订单号的订单。";
    Tries: "Tries", "尝试次数";
    Consumers: "Consumers", "消费者";
    Events: "Events", "事件";
    Reader: "Reader", "读者";
    Name: "Name", "名称";
    Acknowledged: "Acknowledged", "已确认";
    Lag: "Behind", "落后";
    Moved: "Moved", "移动时间";
    At: "At", "时间";
    NoEndpoints: "The config has no endpoint.", "配置中没有推送端点。";
    Disabled: "disabled", "已停用";
    Failing: "failing", "失败中";
    Active: "active", "正常";
    PushedUpTo: "Pushed up to", "已推送至";
    Parked: "Retried", "重试中";
    GivenUp: "Given up", "已放弃";
    LastSuccess: "Last success", "最近成功";

    ReconcileAdvice: "What settlement files say that is not what is known here, newest first. Files are compared by", "对账文件与此处记录的差异，最新的在前。比较命令：";
    SettlementFile: "Settlement file", "对账文件";
    Findings: "Findings", "差异";
    CompareFile: "Compare a settlement file", "比较对账文件";
    CompareFileWhat: "Compares each row with the refunds of the account. No refund changes; the next page shows what differs and can leave a question at each such refund. The file is not kept.", "逐行与该账户的退款比较。不会更改任何退款；下一页显示差异，并可为每笔有差异的退款留下问题。文件不会被保存。";
    FileAdvice: "Text, gzip, or a zip with one file; up to 8 MiB and 200000 rows.", "文本、gzip 或仅含一个文件的 zip；不超过 8 MiB、200000 行。";
    FileMap: "Its columns", "列的含义";
    OfTheProvider: "As the provider's files", "按渠道的文件格式";
    FileDay: "Its day", "文件日期";
    OnlyHereUnchecked: "Refunds that the file lacks were not looked for:", "未检查文件中缺少的退款：";
    Rows: "Rows", "行数";
    Difference: "Difference", "差异内容";
    NothingDiffers: "Nothing differs.", "没有差异。";
    RaiseFindings: "Leave the questions", "留下问题";
    RaiseFindingsWhat: "Each refund of ours that differs gets a question with the file's line. No status moves. The same file asks nothing twice.", "每笔有差异的退款都会得到一个问题，并注明文件中的行。状态不变。同一文件不会重复提问。";
    TooManyToRaise: "More refunds differ than one form takes. Leave the questions by", "有差异的退款超过一个表单的上限，请使用命令";
    FindingsRaised: "The questions were left.", "问题已留下。";
    ComparedFiles: "Compared files", "已比较的文件";
    FileSays: "The file", "文件";
    LineNo: "Line", "行";
    ChartsAreCut: "The charts show the newest 5000 callbacks.", "图表仅包含最新的 5000 条回调。";
    CallbacksOfDay: "Callbacks in 24 h: {}; with a question: {}", "24 小时内回调：{}；有问题：{}";

    // Sandbox.
    SandboxAdvice: "It plays the providers of accounts with sandbox = true; no money moves there. Whole stories run by", "沙箱扮演 sandbox = true 账户的渠道，不产生真实资金变动。完整场景请运行";
    ItsTime: "Its time (UTC)", "沙箱时间（UTC）";
    ItsPace: "Clock", "时钟";
    NextDue: "Next thing due", "下一到期事项";
    ArmedFaults: "Armed faults", "已布置的故障";
    LastExchanges: "Last exchanges", "最近的交互";
    Fault: "Fault", "故障";
    Provider: "Provider", "渠道";
    CallOf: "Call", "调用";
    Times: "Times", "次数";
    Seconds: "Seconds", "秒";
    By: "By", "前进";
    TurnedDown: "turned down", "被拒";
    ArmFault: "Arm a fault", "布置故障";
    ArmFaultWhat: "It happens to the next calls or callbacks that match, as often as you say. What is left empty matches all.", "对接下来匹配的调用或回调生效，次数由您指定；留空则匹配全部。";
    FaultArmed: "The fault is armed.", "故障已布置。";
    Disarm: "Disarm all faults", "撤除所有故障";
    DisarmWhat: "No armed fault happens any more. What has happened stays.", "已布置的故障不再发生；已发生的保持不变。";
    Disarmed: "No fault is armed.", "已撤除所有故障。";
    MoveClock: "Move the clock", "调整时钟";
    MoveClockWhat: "Everything that is due by then happens now: callbacks, late outcomes. It goes forward only, by a length of time such as 90s, 5m or 13h.", "到该时刻为止的所有事项立即发生：回调、迟到的结果。只能向前，例如 90s、5m、13h。";
    ClockMoved: "The clock was moved.", "时钟已调整。";

    // Health.
    Accepting: "Accepting", "接收";
    Applying: "Applying", "生效";
    Evidence: "Evidence", "证据文件";
    SecondMachine: "Second machine", "备机";
    Good: "good", "正常";
    CloseOutsWaiting: "Close-outs waiting", "等待的结单";
    Sessions: "Logins", "登录会话";
    LoggedInAt: "Logged in", "登录时间";
    ThisSession: "(this one)", "（当前）";

    // One callback.
    Callback: "Callback", "回调";
    Verdict: "Effect", "效果";
    Why: "Why", "缘由";
    Rule: "Rule", "规则";
    Key: "Key", "密钥";
    Proof: "Proof", "验证方式";
    StatusBefore: "Status before", "之前状态";
    StatusAfter: "Status after", "之后状态";
    Readable: "Text", "文本";
    AsHex: "Hex", "十六进制";
    DownloadBytes: "Download exact bytes", "下载原始字节";
    Pending: "pending", "待处理";
    Bytes: "{} bytes", "{} 字节";
    CutHere: "Shown up to here; the download has all of it.", "仅显示到此处；下载可得全部。";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_text_has_the_same_places_in_each_language() {
        for text in Text::ALL {
            let places = Lang::ALL.map(|lang| text.of(lang).matches("{}").count());
            assert_eq!(places[0], places[1], "{text:?}");
            assert!(Lang::ALL.iter().all(|lang| !text.of(*lang).is_empty()));
        }
    }
}
