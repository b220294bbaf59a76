; the queue may be summarised: queue-start-current-alone
(set-info :status unsat)
(set-logic ALL)
; cannot be popped
(assert false)
(check-sat)
