; precopy
; one page suffices: complete
(set-info :status unsat)
(set-logic ALL)
(declare-datatype |Owner| ((|Owner.FREE|) (|Owner.USED|) (|Owner.HINTED|) (|Owner.BALLOONED|) (|Owner.DEFLATING|)))
(declare-datatype |Phase| ((|Phase.NONE|) (|Phase.BEFORE_SYNC|) (|Phase.FETCH|) (|Phase.MERGE|) (|Phase.AFTER_SYNC|) (|Phase.ROUND|) (|Phase.COMPLETED|) (|Phase.CLEANUP|) (|Phase.POSTCOPY|) (|Phase.POSTCOPY_PAUSED|)))
(declare-datatype |Send| ((|Send.IDLE|) (|Send.READ|) (|Send.ARMED|) (|Send.CLEARED|)))
(declare-datatype |PageNumber| ((|PageNumber.0|) (|PageNumber.1|) (|PageNumber.2|)))
(declare-const |page0.holds_ring| Bool)
(declare-const |page0.owner| |Owner|)
(declare-const |page1.holds_ring| Bool)
(declare-const |page1.owner| |Owner|)
(declare-const |page2.holds_ring| Bool)
(declare-const |page2.owner| |Owner|)
(declare-const |phase| |Phase|)
(declare-const |send| |Send|)
(declare-const |final| Bool)
(declare-const |page0.dirty| Bool)
(declare-const |page1.dirty| Bool)
(declare-const |page2.dirty| Bool)
(declare-const |sent_page| |PageNumber|)
; a well-formed state
(assert (and (or (not |page0.holds_ring|) (= |page0.owner| |Owner.FREE|)) (or (not |page1.holds_ring|) (= |page1.owner| |Owner.FREE|)) (or (not |page2.holds_ring|) (= |page2.owner| |Owner.FREE|))))
; guard of complete
(assert (and (= |phase| |Phase.ROUND|) (= |send| |Send.IDLE|) |final| (not |page0.dirty|) (not |page1.dirty|) (not |page2.dirty|)))
; is no step of the one-page system
(assert (not (and (= |phase| |Phase.ROUND|) (or (not (= |sent_page| |PageNumber.0|)) (= |send| |Send.IDLE|)) |final| (not (and (not (or (= |phase| |Phase.COMPLETED|) (= |phase| |Phase.CLEANUP|))) |page0.dirty|)) (or (not |page0.holds_ring|) (= |page0.owner| |Owner.FREE|)) (or (not |page1.holds_ring|) (= |page1.owner| |Owner.FREE|)) (or (not |page2.holds_ring|) (= |page2.owner| |Owner.FREE|)))))
(check-sat)
