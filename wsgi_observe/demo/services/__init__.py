"""The demo as three services: the shop, payments, and a worker that sends receipts."""
