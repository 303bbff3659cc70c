"""Closures in a list of callbacks: each request subscribes, none unsubscribes."""

LISTENERS = []


def subscribe(number):
    def on_change(event):  # LEAK
        return number, event
    LISTENERS.append(on_change)


def churn():
    def nobody(event):
        return event
    return nobody


def handle(number):
    subscribe(number)
