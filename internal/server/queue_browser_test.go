package server_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

const (
	acceptedTone  = `document.querySelector('[data-panel]').dataset.tone === 'accepted'`
	duplicateTone = `document.querySelector('[data-panel]').dataset.tone === 'duplicate'`
	refusedTone   = `document.querySelector('[data-panel]').dataset.tone === 'refused'`
	inputFocused  = `document.activeElement.matches('[data-input]')`
	nothingKept   = `!Object.keys(localStorage).some((key) => key.startsWith('traitortrack.queue.'))`
)

// scanning logs a dispatcher in and opens a parent.
func scanning(t *testing.T, parent string) (*warehouse, *browser) {
	t.Helper()
	w, b := browse(t)
	b.logIn(fmt.Sprintf("dispatcher%d", w.orgID), "/scan")
	b.until("the focus on arrival", inputFocused)
	b.scan(parent)
	b.until("the parent", counted(parent, 0))
	return w, b
}

// waits is the condition that so many scans wait, and that the page says why.
func waits(reason string, n int) string {
	return fmt.Sprintf(`document.querySelector('[data-queue]').innerText.trim() === %q`, strings.TrimPrefix(fmt.Sprintf("%s · %d waiting", reason, n), " · "))
}

// holdAnswers keeps the server's answers from the page until it calls letGo, as a network does that is as slow as can be.
func (b *browser) holdAnswers() {
	b.t.Helper()
	b.eval(`(() => {
		const real = window.fetch
		const held = new Promise((resolve) => { window.letGo = resolve })
		window.fetch = async (...asked) => {
			const answer = await real(...asked)
			await held
			return answer
		}
	})()`)
}

// Ten codes in half a second all count, however slow the network is, and whatever happens to it or to the page.
func TestScansOutliveTheNetwork(t *testing.T) {
	t.Parallel()
	w, b := scanning(t, "SB00001")

	b.network(false, 100*time.Millisecond)
	b.holdAnswers()
	b.read(children("A", 10)...)
	b.until("that they wait", waits("", 10))
	b.eval(`window.letGo()`)
	b.until("ten over a slow network", counted("SB00001", 10))

	b.network(true, 0)
	b.read(children("B", 10)...)
	b.until("that they are kept", waits("Offline", 10))
	b.shoot("scan-offline")
	b.network(false, 0)
	b.until("ten from before the network came back", counted("SB00001", 20))

	b.holdAnswers()
	b.read(children("D", 5)...)
	b.do("reload in the middle", chromedp.Reload())
	b.until("five over a reload", counted("SB00001", 25)+" && "+nothingKept)

	b.network(true, 0)
	b.scan("SB00002", "E0001", "E0002")
	b.until("that they are kept", waits("Offline", 3))
	b.do("leave the page", chromedp.Navigate("about:blank"))
	b.network(false, 0)
	b.open("/scan?parent=SB00002")
	b.until("a parent and its children over a closed page", counted("SB00002", 2)+" && "+nothingKept)
	wantChildren(t, w, "SB00001", 25)
	wantChildren(t, w, "SB00002", 2)

	// The next page is under way already: it shows what it was made with, and the answers that come to it.
	b.eval(`(() => {
		const read = Response.prototype.json
		Response.prototype.json = async function () {
			const body = await read.call(this)
			window.dispatchEvent(new Event('beforeunload'))
			setTimeout(() => { window.answered = true }) // when the page has dealt with it
			return body
		}
	})()`)
	b.scan("E0003")
	b.until("the answer", `window.answered`)
	b.until("that it is kept for the next page", waits("", 1))
	b.open("/scan?parent=SB00002")
	b.until("the answer, on the next page", counted("SB00002", 3)+` && document.querySelector('[data-row-code]').innerText === 'E0003'`)
	for _, code := range []string{"A0001", "A0010", "B0001", "B0010", "D0005", "E0002"} {
		wantScans(t, w, code, 1)
	}
}

// What the server cannot do now it is asked again, with the same id, until it can.
func TestScansOutliveAServerInTrouble(t *testing.T) {
	t.Parallel()
	w, b := scanning(t, "SB00001")
	b.eval(`(() => {
		const real = window.fetch
		const later = window.setTimeout
		window.setTimeout = (f, ms) => later(f, ms < 10000 ? ms / 10 : ms) // the pauses between tries, and not the patience with one
		const troubles = [503, 429, 500, 502]
		window.fetch = async (...asked) => {
			const trouble = troubles.pop()
			const answer = await real(...asked) // it was done, and only the answer is lost
			return trouble ? new Response('{"code":"trouble"}', { status: trouble }) : answer
		}
	})()`)
	b.scan("C0001", "C0002")
	b.until("both", counted("SB00001", 2))
	wantScans(t, w, "C0001", 1)
	wantScans(t, w, "C0002", 1)
}

// A scan ends with a terminator, whichever the scanner sends, and never with time.
func TestTerminators(t *testing.T) {
	t.Parallel()
	w, b := scanning(t, "SB00001")
	b.keys("C0001\r")
	b.keys("C0002\n")
	b.keys("C0003\t")
	b.keys("C0004\r\n")
	b.insert("C0005\r\n")
	b.insert("C0006\nC0007\nC00")
	b.keys("08\r")
	b.keys("C00")
	time.Sleep(600 * time.Millisecond) // longer than any scanner's pause between two characters
	b.keys("09\r")
	b.until("nine", counted("SB00001", 9))
	b.eval(`(() => {
		const clipboardData = new DataTransfer()
		clipboardData.setData('text/plain', ' c0010\r\n]Q1C0011\tC0012')
		document.activeElement.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }))
	})()`)
	b.until("twelve", counted("SB00001", 12))
	wantChildren(t, w, "SB00001", 12)
	for _, code := range children("C", 12) {
		wantScans(t, w, code, 1)
	}
	b.keys("\r\n\r\n")
	b.keys("NOT-A-CODE\r")
	b.until("a refusal of what is no code", refusedTone)
	b.until("the focus", inputFocused)
}

// The same code within 500 ms is one read; later it is a duplicate, told as such; and after an undo it is meant.
func TestDoubleReads(t *testing.T) {
	t.Parallel()
	w, b := scanning(t, "SB00001")
	b.insert("C0001\nC0001\n")
	b.until("one", counted("SB00001", 1))
	wantScans(t, w, "C0001", 1)
	time.Sleep(600 * time.Millisecond) // the bound is 500 ms
	b.scan("C0001")
	b.until("a duplicate", duplicateTone)
	b.shoot("scan-duplicate")
	wantScans(t, w, "C0001", 2)

	b.eval(`document.querySelector('[data-undo]:not([hidden])').click()`)
	b.insert("C0001\n")
	b.until("the child, taken out and put back in one breath", `[...document.querySelectorAll('[data-row-word]')].some((word) => word.innerText === 'Taken out')
		&& `+acceptedTone+` && `+counted("SB00001", 1))
	wantScans(t, w, "C0001", 4)

	b.insert("SB00002\nC0002\nSB00001\nSB00002\nC0003\n")
	b.until("the parent that was scanned last", counted("SB00002", 2))
}

// The input keeps the focus, and whoever wants another field or control can have it.
func TestFocusReturns(t *testing.T) {
	t.Parallel()
	w, b := scanning(t, "SB00001")
	b.scan("C0001")
	b.until("the child", counted("SB00001", 1))
	b.until("the focus after an answer", inputFocused)
	b.click("[data-parent-code]")
	b.until("the focus after a tap beside it", inputFocused)
	b.click("[data-sound]")
	b.until("the focus after a key", inputFocused)
	b.eval("document.activeElement.blur()")
	b.until("the focus after a blur", inputFocused)

	b.click("#find")
	b.keys("SB000")
	b.until("the search box with the focus", `document.activeElement.id === 'find' && document.activeElement.value === 'SB000'`)
	b.eval(`(document.activeElement.value = '', document.activeElement.blur())`)
	b.until("the focus after the search box", inputFocused)

	b.keys("\t")
	b.until("another control by keyboard", `document.activeElement.matches('button, a')`)
	b.scan("C0002")
	b.until("a scan while a button has the focus", counted("SB00001", 2))
	b.until("the focus after it", inputFocused)
	wantChildren(t, w, "SB00001", 2)
}

// A parent is closed by hand after a short question in place, refuses children then, and opens again.
func TestCloseByHand(t *testing.T) {
	t.Parallel()
	_, b := scanning(t, "SB00001")
	b.scan("C0001")
	b.until("the child", counted("SB00001", 1))
	b.click("[data-close]")
	b.until("the question", `document.querySelector('[data-question-text]').innerText === 'Close SB00001 with 1 of 30?' && document.activeElement.matches('[data-yes]')`)
	b.shoot("scan-question")
	b.click("[data-no]")
	b.until("no question", `document.querySelector('[data-question]').hidden && `+inputFocused)
	b.click("[data-close]")
	b.click("[data-yes]")
	b.until("the closed parent", `document.querySelector('[data-parent-done]').innerText === 'Closed by hand · 1.000 kg'`)
	b.scan("C0002")
	b.until("a refusal", refusedTone+` && document.querySelector('[data-text]').innerText.includes('closed by hand')`)
	b.click("[data-reopen]")
	b.until("the open parent", `!document.querySelector('[data-close]').hidden`)
	time.Sleep(600 * time.Millisecond) // else the child is a double read
	b.scan("C0002")
	b.until("the child", counted("SB00001", 2))
}

// A queue outlives a logout, and is only ever sent as the user whose it is.
func TestQueueBelongsToItsUser(t *testing.T) {
	t.Parallel()
	w, b := scanning(t, "SB00001")
	dispatcher, biller := fmt.Sprintf("dispatcher%d", w.orgID), fmt.Sprintf("biller%d", w.orgID)
	b.logOut()
	b.scan("C0001", "C0002")
	b.until("that they are kept", waits("Logged out", 2)+` && !document.querySelector('[data-note="login"]').hidden`)
	b.until("a way back to the same parent", `document.querySelector('[data-note="login"] a').href.endsWith('/login?next=%2Fscan%3Fparent%3DSB00001')`)
	b.shoot("scan-logged-out")

	other := b.tab()
	other.logIn(biller, "/bills")
	b.scan("C0003")
	b.until("that somebody else has logged in", `!document.querySelector('[data-note="other_user"]').hidden`)
	other.open("/scan")
	other.until("whose scans wait", fmt.Sprintf(`document.querySelector('[data-note="others"]').innerText.includes('3 of %s')`, dispatcher))
	other.logOut()

	b.logIn(dispatcher, "/scan")
	b.open("/scan?parent=SB00001")
	b.until("all three", counted("SB00001", 3))
	history := w.login(t, dispatcher).call("GET", "/api/bags/C0003/history", nil)
	if !strings.Contains(history.raw, dispatcher) || strings.Contains(history.raw, biller) {
		t.Errorf("C0003 was not scanned by %s alone: %v", dispatcher, history)
	}
}

// Two tabs of one user fill two parents, each its own. What a tab leaves behind when it is closed, the other one sends.
func TestEachTabFillsItsOwnParent(t *testing.T) {
	t.Parallel()
	w, b := scanning(t, "SB00001")
	other := b.tab()
	other.open("/scan")
	other.scan("SB00002", "D0001", "D0002")
	other.until("the other tab's parent", counted("SB00002", 2))
	b.scan("C0001")
	b.until("this tab's parent", counted("SB00001", 1))

	other.network(true, 0)
	other.scan("D0003")
	// It is kept by its tab, or by this one already: a tab that a busy machine has kept from answering is taken for gone.
	other.until("that it is kept", `document.querySelector('[data-code="D0003"]') !== null`)
	other.close()
	b.until("the closed tab's scan", `document.querySelector('[data-code="D0003"]') !== null && `+counted("SB00001", 1))
	wantChildren(t, w, "SB00001", 1)
	wantChildren(t, w, "SB00002", 3)
}
