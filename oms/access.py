"""Who may use which door: one row a route, by method and path as OpenAPI writes it. What has no row is open to nobody."""

from __future__ import annotations

from chassis.access import Rules
from chassis.tokens import Role

__all__ = ["RULES"]


def _and_admin(*roles: Role) -> frozenset[Role]:
    return frozenset({*roles, Role.ADMIN})


ORDERS_SEEN = _and_admin(Role.VIEWER, Role.CSR, Role.FINANCE)
ORDERS_SERVED = _and_admin(Role.CSR)
ORDERS_LOOKED_AFTER = _and_admin(Role.CSR, Role.FINANCE)
MONEY_GIVEN = _and_admin(Role.CSR, Role.FINANCE)
STOCK_SEEN = _and_admin(Role.VIEWER, Role.CSR, Role.WAREHOUSE, Role.FINANCE)
WORK_SEEN = _and_admin(Role.VIEWER, Role.CSR, Role.WAREHOUSE)
STOCK_KEPT = _and_admin(Role.CSR, Role.CHANNEL_BOT)
VALUE_SERVED = _and_admin(Role.CSR, Role.FINANCE)
GOODS_MOVED = _and_admin(Role.WAREHOUSE)
BOOKS_KEPT = _and_admin(Role.FINANCE)
BOOKS_SEEN = _and_admin(Role.VIEWER, Role.FINANCE)
INVOICES_READ = _and_admin(Role.CSR, Role.FINANCE)

RULES: Rules = {
    ("POST", "/orders"): _and_admin(Role.CSR, Role.CHANNEL_BOT),
    ("POST", "/orders/import"): _and_admin(),
    ("GET", "/orders"): ORDERS_SEEN,
    ("GET", "/orders/{name}"): ORDERS_SEEN,
    ("GET", "/orders/{name}/timeline"): ORDERS_SEEN,
    ("GET", "/orders/{name}/why"): ORDERS_SEEN,
    ("POST", "/orders/{name}/cancel"): ORDERS_SERVED,
    ("POST", "/orders/{name}/changes"): ORDERS_SERVED,
    ("POST", "/orders/{name}/changes/{change_number}/confirm"): ORDERS_SERVED,
    ("POST", "/orders/{name}/changes/{change_number}/decline"): ORDERS_SERVED,
    ("POST", "/orders/{name}/holds"): _and_admin(Role.CSR, Role.FINANCE),
    ("POST", "/orders/{name}/holds/{hold}/release"): _and_admin(Role.CSR, Role.FINANCE),
    ("POST", "/orders/{name}/notes"): ORDERS_LOOKED_AFTER,
    ("GET", "/orders/{name}/notes"): ORDERS_LOOKED_AFTER,
    ("POST", "/orders/{name}/owner"): ORDERS_LOOKED_AFTER,
    ("POST", "/orders/{name}/notices/{notice}/again"): ORDERS_SERVED,
    ("POST", "/orders/{name}/packages/{package}/settle"): ORDERS_SERVED,
    ("GET", "/dead-letters"): _and_admin(),
    ("GET", "/dead-letters/counts"): _and_admin(),
    ("GET", "/dead-letters/{name}"): _and_admin(),
    ("POST", "/dead-letters/{name}/redrive"): _and_admin(),
    ("POST", "/dead-letters/{name}/edit"): _and_admin(),
    ("POST", "/dead-letters/{name}/discard"): _and_admin(),
    ("GET", "/exceptions/owners"): STOCK_SEEN,
    ("POST", "/exceptions/owners"): _and_admin(Role.CSR, Role.WAREHOUSE, Role.FINANCE),
    ("GET", "/standing"): _and_admin(),
    ("GET", "/deadlines/past"): _and_admin(),
    ("GET", "/runs"): _and_admin(),
    ("POST", "/runs"): _and_admin(),
    ("POST", "/runs/{identifier}/stop"): _and_admin(),
    ("GET", "/missing-units"): WORK_SEEN,
    ("GET", "/refunds"): ORDERS_SEEN,
    ("POST", "/orders/{name}/refunds"): MONEY_GIVEN,
    ("POST", "/orders/{name}/refunds/{refund}/approve"): MONEY_GIVEN,
    ("POST", "/orders/{name}/refunds/{refund}/decline"): MONEY_GIVEN,
    ("POST", "/orders/{name}/refunds/{refund}/retry"): MONEY_GIVEN,
    ("POST", "/orders/{name}/refunds/{refund}/withdraw"): _and_admin(Role.FINANCE),
    ("POST", "/orders/{name}/returns"): ORDERS_SERVED,
    ("POST", "/orders/{name}/returns/{number}/approve"): ORDERS_SERVED,
    ("POST", "/orders/{name}/returns/{number}/decline"): ORDERS_SERVED,
    ("POST", "/orders/{name}/returns/{number}/withdraw"): ORDERS_SERVED,
    ("POST", "/customers/{subject}/forget"): _and_admin(),
    ("GET", "/customers/{subject}"): ORDERS_SEEN,
    ("GET", "/stock-items"): STOCK_SEEN,
    ("GET", "/stock-items/{sku}"): STOCK_SEEN,
    ("GET", "/claims"): STOCK_SEEN,
    ("POST", "/stock-items/receipts"): GOODS_MOVED,
    ("POST", "/stock-items/{sku}/receipts"): GOODS_MOVED,
    ("POST", "/stock-items/{sku}/supplies"): GOODS_MOVED,
    ("POST", "/stock-items/{sku}/adjustments"): GOODS_MOVED,
    ("POST", "/stock-items/{sku}/counts"): GOODS_MOVED,
    ("POST", "/stock-items/{sku}/claims"): STOCK_KEPT,
    ("POST", "/stock-items/{sku}/claims/harden"): STOCK_KEPT,
    ("POST", "/stock-items/{sku}/claims/release"): STOCK_KEPT,
    ("POST", "/locations"): GOODS_MOVED,
    ("GET", "/locations"): STOCK_SEEN,
    ("GET", "/locations/{location}"): STOCK_SEEN,
    ("POST", "/items"): GOODS_MOVED,
    ("GET", "/items"): STOCK_SEEN,
    ("GET", "/items/{sku}"): STOCK_SEEN,
    ("GET", "/fulfillment-orders"): WORK_SEEN,
    ("GET", "/fulfillment-orders/{identifier}"): WORK_SEEN,
    ("POST", "/fulfillment-orders/{identifier}/acceptance"): GOODS_MOVED,
    ("POST", "/fulfillment-orders/{identifier}/pick"): GOODS_MOVED,
    ("POST", "/fulfillment-orders/{identifier}/pack"): GOODS_MOVED,
    ("POST", "/fulfillment-orders/{identifier}/hand-over"): GOODS_MOVED,
    ("POST", "/fulfillment-orders/{identifier}/cancel-decision"): GOODS_MOVED,
    ("POST", "/fulfillment-orders/{identifier}/ready"): GOODS_MOVED,
    ("POST", "/fulfillment-orders/{identifier}/collection"): GOODS_MOVED,
    ("GET", "/fulfillment-orders/{identifier}/pickup-person"): GOODS_MOVED,
    ("POST", "/returns"): GOODS_MOVED,
    ("GET", "/returns"): WORK_SEEN,
    ("GET", "/returns/{identifier}"): WORK_SEEN,
    ("GET", "/returns/{identifier}/label"): WORK_SEEN,
    ("POST", "/returns/{identifier}/sent"): _and_admin(Role.CSR, Role.WAREHOUSE),
    ("POST", "/returns/{identifier}/receipts"): GOODS_MOVED,
    ("POST", "/returns/{identifier}/inspections"): GOODS_MOVED,
    ("POST", "/returns/{identifier}/close"): _and_admin(Role.CSR, Role.WAREHOUSE),
    ("POST", "/returns/{identifier}/reopen"): _and_admin(Role.CSR, Role.WAREHOUSE),
    ("GET", "/shipments"): WORK_SEEN,
    ("GET", "/shipments/{identifier}"): WORK_SEEN,
    ("GET", "/shipments/{identifier}/packages/{number}/label"): GOODS_MOVED,
    ("GET", "/shipments/{identifier}/packages/{number}/packing-slip"): GOODS_MOVED,
    ("POST", "/shipments/{identifier}/tracking"): _and_admin(Role.CARRIER, Role.CSR, Role.WAREHOUSE),
    ("POST", "/manifests"): GOODS_MOVED,
    ("GET", "/manifests/{identifier}"): WORK_SEEN,
    ("GET", "/manifests/{identifier}/{number}"): WORK_SEEN,
    ("GET", "/payments"): ORDERS_SEEN,
    ("GET", "/payments/{order_id}"): ORDERS_SEEN,
    ("GET", "/invoices"): ORDERS_SEEN,
    ("GET", "/invoices/{name}"): ORDERS_SEEN,
    ("GET", "/invoices/{name}/timeline"): ORDERS_SEEN,
    ("GET", "/invoices/{name}/pdf"): INVOICES_READ,
    ("GET", "/invoices/{name}/xml"): INVOICES_READ,
    ("POST", "/invoices/{identifier}/retry"): BOOKS_KEPT,
    ("POST", "/invoices/{identifier}/write-off"): BOOKS_KEPT,
    ("POST", "/bank-entries"): BOOKS_KEPT,
    ("GET", "/bank-entries"): BOOKS_SEEN,
    ("GET", "/bank-entries/reference"): BOOKS_KEPT,
    ("POST", "/bank-entries/settle"): BOOKS_KEPT,
    ("POST", "/sellers"): BOOKS_KEPT,
    ("GET", "/sellers/{seller}"): ORDERS_SEEN,
    ("POST", "/payments/{order_id}/outcomes"): _and_admin(Role.FINANCE),
    ("POST", "/payments/{order_id}/transfers"): _and_admin(Role.FINANCE),
    ("POST", "/payments/{order_id}/transfers/returned"): _and_admin(Role.FINANCE),
    ("POST", "/stored-values/gift-cards"): BOOKS_KEPT,
    ("POST", "/stored-values/store-credits"): BOOKS_KEPT,
    ("POST", "/stored-values/{identifier}/block"): VALUE_SERVED,
    ("POST", "/stored-values/{identifier}/unblock"): VALUE_SERVED,
    ("GET", "/stored-values"): VALUE_SERVED,
    ("GET", "/stored-values/by-code"): VALUE_SERVED,
    ("GET", "/stored-values/{identifier}"): VALUE_SERVED,
    ("GET", "/stored-values/{identifier}/movements"): VALUE_SERVED,
}
