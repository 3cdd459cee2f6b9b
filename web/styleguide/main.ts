document.body.append("aisle");export {};
