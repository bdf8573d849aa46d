"""SQL of the item tables, one query per table.

`features.tables.feature_tables` fills in the parameters in braces, runs the queries and documents the timestamps.
"""

from typing import Final

CATALOG: Final = """
    select *, {first} as event_timestamp, {first} as created_timestamp from items order by item_id
"""

# A row replaces the previous one completely: its nulls do not inherit values.
AVAILABILITY: Final = """
    select item_id, coalesce(for_sale, true)::integer as for_sale, channels, minimum_age,
           since as event_timestamp, since as created_timestamp
    from availability order by event_timestamp, item_id
"""

# Prices are summed as decimals: a sum of floats would depend on the order in which threads finish.
SALES: Final = """
    with daily as (
        select item_id, day + 1 as day, count(*) as sales, sum(exact_price) as revenue,
               min(purchased_at) as first_at, max(purchased_at) as last_at
        from dated_purchases group by all
    ), first_purchases as (
        select item_id, min(day) + 1 as day from dated_purchases group by user_id, item_id
    ), timeline as (
        select item_id, day, sum(sales) as sales, sum(revenue) as revenue, min(first_at) as first_at,
               max(last_at) as last_at, coalesce(sum(new_buyers), 0) as new_buyers
        from (
            select * from daily
            union all by name
            select item_id, day, count(*) as new_buyers from first_purchases group by all
            union all by name
            select item_id, day + window_ends.days as day, 0 as sales, 0 as revenue
            from daily, (values ({one}), ({week}), ({month})) as window_ends(days)
        )
        where day <= {horizon} group by all
    )
    select item_id,
           sum(sales) over last_day as sales_1d,
           sum(sales) over last_week as sales_7d,
           sum(sales) over last_month as sales_28d,
           sum(sales) over ever as sales_total,
           sum(new_buyers) over last_week as first_purchases_7d,
           sum(new_buyers) over last_month as first_purchases_28d,
           sum(new_buyers) over ever as buyers_total,
           (sum(revenue) over ever / sum(sales) over ever)::float as mean_price,
           min(first_at) over ever as first_sold_at,
           max(last_at) over ever as last_sold_at,
           {stamp} as event_timestamp, {stamp} as created_timestamp
    from timeline
    window ever as (partition by item_id order by day),
           last_day as (partition by item_id order by day range between {one} - 1 preceding and current row),
           last_week as (partition by item_id order by day range between {week} - 1 preceding and current row),
           last_month as (partition by item_id order by day range between {month} - 1 preceding and current row)
    order by event_timestamp, item_id
"""
