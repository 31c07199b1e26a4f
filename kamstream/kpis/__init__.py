"""The catalogue of KPIs, in the order in which they are listed everywhere."""

from kamstream.kpis.backlog import OLDEST_WAIT, OPEN_TICKETS
from kamstream.kpis.base import At, Kpi, Reading, Shelf, Sums, Total
from kamstream.kpis.portfolio import MARKET_SHARE, NEW_PRODUCTS, WEIGHTED_PIPELINE
from kamstream.kpis.relationship import ACTIVE_CONTACTS, INTERACTION_FREQUENCY, JOINT_ENGAGEMENT, NPS
from kamstream.kpis.resolution import (
    BUSINESS_RESOLUTION_TIME,
    REOPEN_RATE,
    RESOLUTION_RATE,
    RESOLUTION_TIME,
    SLA_FIRST_RESPONSE,
    SLA_RESOLUTION,
)
from kamstream.kpis.response import (
    BUSINESS_FIRST_RESPONSE_TIME,
    BUSINESS_RESPONSE_TIME,
    FIRST_RESPONSE_TIME,
    RESPONSE_TIME,
)
from kamstream.kpis.retention import (
    CONTRACT_DURATION,
    GROSS_REVENUE_RETENTION,
    NET_REVENUE_RETENTION,
    RETENTION_RATE,
)
from kamstream.kpis.sales import (
    AVERAGE_DEAL_SIZE,
    CONVERSION_RATE,
    CONVERSION_RATE_VALUE,
    DEAL_CYCLE_TIME,
    GROSS_MARGIN,
    OPPORTUNITY_WIN_RATE,
    REVENUE,
    REVENUE_GROWTH,
)

#: Every KPI there is. Those with an ``option`` are kept only where the settings have that section.
CATALOGUE: tuple[Kpi, ...] = (
    *FIRST_RESPONSE_TIME,
    *RESPONSE_TIME,
    *RESOLUTION_TIME,
    RESOLUTION_RATE,
    REOPEN_RATE,
    OPEN_TICKETS,
    OLDEST_WAIT,
    CONVERSION_RATE,
    CONVERSION_RATE_VALUE,
    OPPORTUNITY_WIN_RATE,
    *DEAL_CYCLE_TIME,
    REVENUE,
    AVERAGE_DEAL_SIZE,
    GROSS_MARGIN,
    REVENUE_GROWTH,
    MARKET_SHARE,
    NEW_PRODUCTS,
    WEIGHTED_PIPELINE,
    NPS,
    INTERACTION_FREQUENCY,
    ACTIVE_CONTACTS,
    JOINT_ENGAGEMENT,
    CONTRACT_DURATION,
    RETENTION_RATE,
    NET_REVENUE_RETENTION,
    GROSS_REVENUE_RETENTION,
    *BUSINESS_FIRST_RESPONSE_TIME,
    *BUSINESS_RESPONSE_TIME,
    *BUSINESS_RESOLUTION_TIME,
    SLA_FIRST_RESPONSE,
    SLA_RESOLUTION,
)

__all__ = ["CATALOGUE", "At", "Kpi", "Reading", "Shelf", "Sums", "Total"]
