package statusview

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirsync/weir/clients/admin"
)

func sample() *admin.Overview {
	at := time.Date(2026, 11, 21, 9, 30, 0, 0, time.UTC)
	safe, budget, left, fence := int64(3<<20), int64(64<<20), 100.0, int64(2048)
	return &admin.Overview{
		Sources: []admin.SourceStatus{
			{
				Name: "default", State: "streaming", Since: at, Position: "0/16B3748", Head: "0/16B3F48", LagBytes: 2048, LagSeconds: 1.25,
				Warnings: []admin.Fault{{Message: "slot weir_1 may fall behind by 3.0 MiB more", Hint: "raise max_slot_wal_keep_size"}},
				Slot:     admin.SlotStatus{Name: "weir_1", WALStatus: "extended", Safe: &safe, Budget: &budget, Checked: &at},
				Tables: []admin.TableStatus{
					{ID: 1, Schema: "public", Name: "items", Generation: 2, Phase: "reading", Rows: 1234567, Estimated: 2469134, Bytes: 5 << 20, Rate: 12345.6, Left: &left, Paused: true},
					{ID: 2, Schema: "public", Name: "orders", Generation: 1, Phase: "settling", Rows: 40, FenceBytes: &fence},
					{ID: 3, Schema: "public", Name: "users", Generation: 1, Phase: "done", Rows: 7, Failed: "division by zero"},
				},
			},
			{Name: "other", State: "connecting", Since: at, Position: "0/0", Head: "0/0", Slot: admin.SlotStatus{Name: "weir_2"}},
		},
		Versions: []admin.Version{{ID: 4, State: "active", Changed: at, Message: "from rules.yaml"}},
		Memory:   admin.MemoryStatus{Used: 80 << 20, Limit: 320 << 20, SnapshotLimit: 256 << 20},
		Store: admin.StoreStatus{
			Bytes: 64 << 20, Free: 8 << 20, DiskFree: 100 << 20, Reserve: 256 << 20, Full: true, Since: &at, Hint: "make room",
			Copy: &admin.CopyStatus{Path: "/b/weir.part", Bytes: 28 << 20, Whole: 56 << 20},
		},
	}
}

const forPeople = `source default: streaming since 2026-11-21 09:30:00, at 0/16B3748 (lag 2.0 KiB, 1s)
  slot weir_1: WAL extended, 3.0 MiB until it may be lost
  warning: slot weir_1 may fall behind by 3.0 MiB more
    = raise max_slot_wal_keep_size
  public.items                     [██████████··········] 1 234 567 of about 2 469 134 rows, 5.0 MiB, 12 345 rows/s, 1m40s left
    paused: go on with weir resnapshot public.items --resume
  public.orders                    read; its fence is 2.0 KiB ahead in the stream
  public.users                     done, 7 rows read
    resnapshot given up: division by zero
source other: connecting since 2026-11-21 09:30:00, at 0/0 (lag 0 B, 0s)
  slot weir_2: not seen yet
rules version 4: active since 2026-11-21 09:30:00 from rules.yaml
memory [█████···············] 80.0 MiB of 320.0 MiB, snapshots may take 256.0 MiB
store 64.0 MiB, the disk has 100.0 MiB left
  the disk is full: nothing is stored since 2026-11-21 09:30:00; 256.0 MiB are kept free
    = make room
  copying to /b/weir.part [██████████··········] 28.0 MiB of 56.0 MiB
`

const forPrograms = `source=default state="streaming" since=2026-11-21T09:30:00Z position=0/16B3748 head=0/16B3F48 lag_bytes=2048 lag_seconds=1.2 slot=weir_1 wal_status="extended" safe_bytes=3145728
source=default warning="slot weir_1 may fall behind by 3.0 MiB more" hint="raise max_slot_wal_keep_size"
source=default table=public.items generation=2 phase=reading rows=1234567 estimated=2469134 bytes=5242880 rows_per_second=12346 eta_seconds=100 paused=true
source=default table=public.orders generation=1 phase=settling rows=40 estimated=0 bytes=0 rows_per_second=0 fence_bytes=2048
source=default table=public.users generation=1 phase=done rows=7 estimated=0 bytes=0 rows_per_second=0 failed="division by zero"
source=other state="connecting" since=2026-11-21T09:30:00Z position=0/0 head=0/0 lag_bytes=0 lag_seconds=0.0 slot=weir_2 wal_status=""
version=4 state=active since=2026-11-21T09:30:00Z
memory_used_bytes=83886080 memory_limit_bytes=335544320 snapshot_limit_bytes=268435456
store_bytes=67108864 store_free_bytes=8388608 disk_free_bytes=104857600 disk_reserve_bytes=268435456 disk_full=true hint="make room"
copy="/b/weir.part" copied_bytes=29360128 of_bytes=58720256
`

func TestWrite(t *testing.T) {
	for _, c := range []struct {
		bars bool
		want string
	}{{true, forPeople}, {false, forPrograms}} {
		var b strings.Builder
		if err := Write(&b, sample(), c.bars); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, b.String()); diff != "" {
			t.Errorf("bars %v (-want +got):\n%s", c.bars, diff)
		}
	}
}
